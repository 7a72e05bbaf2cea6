"""Pure decisions: facts in, decisions with reasons out. Nothing here touches the world."""

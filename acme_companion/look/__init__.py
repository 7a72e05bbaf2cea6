"""Reads the world and changes nothing. An unanswered look is a fact too: nothing here raises for one."""

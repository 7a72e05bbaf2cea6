"""Start scripts of the mail stack's containers: each writes its configuration as mailcow's do, then becomes the daemon."""

"""Speaks: the log, mailcow's Redis lists."""

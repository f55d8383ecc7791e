"""Prompt templates, the code that renders them and reads the replies, and the label tree both work on."""

"""The command line: one file a command, no logic; heavy imports stand inside the command bodies."""

"""The report's views of runs, served to a browser on this machine while they train."""

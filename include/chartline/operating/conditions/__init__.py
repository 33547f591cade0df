"""The one judge: what is wrong, when it counts as wrong, and in which words. All others only tell it."""

"""Many cells over many workers: a plan on disk, which workers take cells of, one lock a cell."""

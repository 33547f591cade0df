"""A local Soundcharts API: a world made from a seed, served over HTTP, for the demo, the tests and the benchmarks."""

//go:build linux

// Package scenario reads the workload profiles: one TOML file a scenario,
// documented in profiles/README.md.
//
// A file names a kind; each kind has its own settings, and a setting that the
// kind does not have is an error rather than silently ignored. A Profile is
// immutable after Load.
//
// Callers: the harness's main package and bench/run.
package scenario

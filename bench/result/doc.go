//go:build linux

// Package result has the harness's records: one JSON object a line, flushed as
// it comes, so that an interrupted series keeps all that was measured. The last
// line of a complete series is of type "end" without "partial".
//
// Callers: bench/run fills records, the main package writes them, bench/report
// and bench/chart read them. A Writer belongs to one goroutine.
package result

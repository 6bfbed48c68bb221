//go:build linux

// Package stats has the few statistics that the harness reports: medians, a
// least-squares line, and latencies in a histogram that is safe from
// coordinated omission. Functions are pure; a Histogram belongs to one
// goroutine.
package stats

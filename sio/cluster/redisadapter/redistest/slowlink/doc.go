// Package slowlink is a TCP proxy to a Redis that is slow, pauses or closes
// connections. Tests use it through package redistest, the benchmark harness
// directly.
package slowlink

// Package redistest starts redis-servers for tests and breaks them: it kills,
// restarts and pauses them, and closes their connections. Each failure ends the
// test. One goroutine at a time may use a [Server], any number its Client.
package redistest

// Package redistest starts real redis-servers for tests, and breaks them: they are
// killed and started again, paused, and their connections are cut. Every failure
// ends the test; a [Server] is used by one goroutine at a time, its Client by any
// number.
package redistest

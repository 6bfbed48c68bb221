// Package eiotest is a client for tests that speaks HTTP and WebSocket byte by
// byte, so that it can also do what no well-behaved client does. It shares no
// code with the server it tests. Every failure ends the test; a Conn is used by
// one goroutine at a time.
package eiotest

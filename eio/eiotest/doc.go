// Package eiotest is a client for tests that speaks HTTP and WebSocket byte by
// byte, so that it can also do what no correct client does. It shares no code
// with the server that it tests. [Eventually] is how tests wait for a
// condition. What returns no error ends the test when it fails; what returns
// one may also be called on other goroutines. One goroutine at a time may read
// from a Conn, and one may write.
//
// It is public so that the tests of all packages of this module can use it, and
// carries no promise of stability.
package eiotest

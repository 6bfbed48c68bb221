// Package exampletest connects to the examples: over polling, over WebSocket,
// and with the stock client. Clients fail the test when something is wrong, and
// must be used on its goroutine.
package exampletest

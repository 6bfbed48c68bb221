// Package goroutine drives connections by goroutines over net.Conn. Only files
// with build constraints use what is specific to an operating system.
//
// A [Stream] carries the bytes of one net.Conn between its goroutines and a
// loop: stream.go, read.go, write.go, exit.go. Package loop uses it, with every
// backend, for connections that are more than a descriptor, such as TLS.
//
// An [Engine] runs loops whose connections are all streams: engine.go,
// accept.go and runner.go. It is package loop's backend where gnetpoll is not
// available, and with the build tag goroutines.
//
// # Threading
//
// A loop has one goroutine, and one that accepts for it. A stream has one that
// reads until the stream ends, and a second one while there is something to
// write or close.
package goroutine

// Package goroutine tells goroutines apart, which the language does not. Package
// sio needs it to know what a connection handler emits.
package goroutine

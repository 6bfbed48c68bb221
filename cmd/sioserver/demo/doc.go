// Package demo is what sioserver serves at /: a chat with rooms, and a live
// panel of the server's figures. It is written the way an application would be.
//
// cmd/sioserver registers it on a sio.Server; it knows no flags and no signals.
// The chat is in the namespace /chat and the figures in /figures, so that a
// client of "/" costs no more than the library does.
//
// Handlers run on the library's goroutines, several at a time. One mutex guards
// the chat's state. It is held while a change is made and broadcast, so that
// all clients see the changes in the same order. Emitting with the mutex held
// is safe: Emit encodes and queues, and never waits for a peer.
//
// The data's way: browser -> typed handler -> limits -> room -> broadcast to
// the other members of the room -> acknowledgement to the browser.
package demo

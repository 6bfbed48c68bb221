// Package demo is what sioserver shows at /: a chat with rooms and a live
// panel of the server's figures, written the way an application would be.
//
// It is registered on a sio.Server by cmd/sioserver and knows nothing of flags
// or signals. The chat lives in the namespace /chat and the figures in
// /figures, so that a client of / costs what the library costs and no more.
//
// Handlers run on the library's goroutines, several at once; the chat's state
// is guarded by one mutex, which is held while a change is made and announced,
// so that everybody sees changes in one order. Emitting under the mutex is
// fine: it encodes and queues, it never waits for a peer.
//
// The way of the data: browser -> typed handler -> limits -> room -> broadcast
// to the room's other members -> acknowledgement to the browser.
package demo

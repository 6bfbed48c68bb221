// Package clientbundle serves the browser client's files, such as
// /socket.io/socket.io.js, the way the reference server does.
//
// sio creates one Handler from the file system it was configured with, and has
// it serve Names under its path; everything else goes to the engine. Handlers
// are immutable after New and safe for concurrent use. They must not run on an
// event loop: the first request for a file compresses it.
//
// The way of the data: file -> read once -> compressed once for each encoding
// that some client asked for -> kept for the life of the Handler.
package clientbundle

// Package interop tests the server with stock clients: several releases of the
// JavaScript client from npm, in Node.js and in a browser, and python-socketio.
//
// The Go tests start the server and exchange lines of JSON with the programs of
// this folder: driver.mjs and driver.py, which open clients, and browser.mjs,
// which drives headless Chromium. cluster.mjs has servers of the reference,
// which TestCluster puts into one cluster with Go's: it plays every call
// between them. TestFaults and TestServerKilled break Redis and servers. `make
// test` installs what they need; where it is missing, a test says so and is
// skipped, or fails when CI is set. Nothing imports this package.
package interop

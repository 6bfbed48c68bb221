// Package conformance has tests of what a peer sees of package eio on the wire:
// the cases of the Autobahn test suite for WebSocket, and HTTP requests that
// two servers in a row could frame differently. Nothing imports it.
//
// # Autobahn
//
// testdata/autobahn.txt has a row for each case of the suite, with its outcome
// and with what was changed. The cases are written after the suite's
// descriptions; its code and data are not here. The server is a bare engine
// whose upper layer echoes every message.
//
// The server speaks Engine.IO inside of WebSocket. So each session begins with
// an open packet, which is read before the case begins, and each text message
// begins with '4', the type of an Engine.IO message. Where the suite gives a
// message's size, that byte is counted, so the frames have the suite's lengths;
// an empty text message is "4" alone. In cases with fragments the '4' is in the
// first one, which makes an empty first fragment one byte long. Binary messages
// are as in the suite.
//
// The outcomes are the suite's. OK: what the suite expects. NON-STRICT: what it
// admits but does not recommend. INFORMATIONAL: any result is right, and the
// row says which one it is.
//
// testdata/engine.txt has what the '4' leaves out: WebSocket messages that are
// no messages of Engine.IO.
//
// # Smuggling
//
// Each HTTP request that two servers could frame differently is sent by Listen,
// by Handler behind net/http, and by Listen behind nginx and behind HAProxy, to
// a path of the application and to a session of the engine. Another request
// follows it. testdata/smuggling-*.txt have the answers to both.
//
// What stands in front of the server marks each request that it sends with a
// secret. A request that the server sees without a mark, or with one that it
// has seen before, was not sent as a request: it was smuggled. The tables are
// of the versions that they name; with others only the marks are checked.
package conformance

// Package proxyfields reads the fields of a request in which proxies say where
// it came from: X-Forwarded-For, X-Forwarded-Proto, Forwarded (RFC 7239), and
// fields with a single address, such as X-Real-IP.
//
// A client can send all of these fields itself, so only what a trusted proxy
// has written counts. Each proxy appends an element for the peer that it got
// the request from. So the lists are read from their end, as long as the
// address that wrote an element is a trusted proxy's: the first address that is
// not is the client's, and what is left of it may be the client's invention.
//
// Package eio uses it. All functions are pure.
package proxyfields

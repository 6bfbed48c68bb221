// Package proxyproto parses the header of the PROXY protocol, versions 1 and 2,
// with which a proxy begins a connection to say where the client's connection
// came from and went to:
// https://www.haproxy.org/download/2.8/doc/proxy-protocol.txt, whose sections
// the comments name.
//
// Package eio uses it. All functions are pure.
package proxyproto

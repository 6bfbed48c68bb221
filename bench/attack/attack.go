//go:build linux

package attack

import (
	"fmt"
	"slices"
	"time"
)

// Cluster is the feature of servers that are joined by a Redis: attacks that
// need it are made against two of them.
const Cluster = "redis"

// Secure is the feature of servers that serve with TLS too.
const Secure = "tls"

// Attack is one attack. It is immutable.
type Attack struct {
	Name string // in profiles and tables
	What string // in one line, for people
	// Needs is the feature that the server must be started with
	// (bench/peers/README.md), "" for none.
	Needs string

	run   func(f *Field)
	judge func(o Outcome) error // nil when only what every attack is judged by counts
}

// Outcome is what is known when the attack is over and its connections are
// still open.
type Outcome struct {
	Lasted time.Duration
	Counts map[string]float64 // what the attack has counted
	// Held is how many descriptors more the server has than before.
	Held int
}

// Reached reports whether the attack has done more than connect and be cut, or
// had less than a second for it.
func (o Outcome) Reached() bool {
	for name, n := range o.Counts {
		if n > 0 && name != countConnections && name != countCut && name != countFailed {
			return true
		}
	}
	return o.Lasted < time.Second
}

// Judge returns an error that says what is wrong with the outcome itself. The
// server's other clients and its memory are judged elsewhere.
func (a Attack) Judge(o Outcome) error {
	if !o.Reached() {
		return fmt.Errorf("the attack %s has done nothing in %.0f s: %v", a.Name, o.Lasted.Seconds(), o.Counts)
	}
	if a.judge == nil {
		return nil
	}
	return a.judge(o)
}

// What the counts of every attack may have.
const (
	countConnections = "connections"
	countCut         = "cut"    // work that was refused or has failed, and is repeated
	countFailed      = "failed" // what the attack needs is not there
)

// All are the attacks, in the order of the report.
func All() []Attack {
	return []Attack{
		{"fragments", "messages of a megabyte in fragments of one byte, 2 connections", "", fragments, nil},
		{"unfinished", "frames, bodies and attachments up to their limits without their last byte, 500 connections", "", unfinished, nil},
		{"namespaces", "dynamic namespaces made and left by 4 connections, and asked for by clients that leave, 4 at a time", "dynamic", namespaces, nil},
		{"sessions", "polling sessions opened, 4 connections", "", sessions, nil},
		{"unread-polls", "polls through net/http whose answers are not read, 50 connections", "nethttp", unreadPolls, judgeUnreadPolls},
		{"closed", "a flood of messages after the server's close frame, 4 connections", "", closed, judgeClosed},
		{"closed-deflate", "the same with compressed messages", "deflate", closedDeflate, judgeClosed},
		{"descriptors", "no descriptors left because of another part of the process, while clients come", "files", descriptors, nil},
		{"blocked", "256 connections, each with a handler that blocks and 1,024 events that wait for it", "handlers", blocked, nil},
		{"departed", "backlogs of clients that have left, whose handlers ignore it", "handlers", departed, nil},
		{"stalled", "broadcasts to 10 connections that are not read", "", stalled, nil},
		{"pipelined", "handshakes and requests that are refused, one behind the other over 60 connections that read no answer", "", pipelined, nil},
		{"connects", "floods of CONNECT and DISCONNECT, of namespaces that are not there and of packets that are not valid, 42 connections; authentication data of a megabyte, 400 connections", "", connects, nil},
		{"arguments", "events of half a million arguments that wait for handlers that block, 256 connections", "handlers", arguments, nil},
		{"eio3", "payloads of protocol 3 with wrong and endless lengths, base64 that is none, and pings whose answers are not read, 50 connections", "eio3", eio3, nil},
		{"msgpack", "MessagePack that is deep, declares more than there is or has many keys, 32 connections", "msgpack", msgpack, nil},
		{"tls-handshakes", "TLS handshakes through net/http, half of them left when the server has signed, 16 at a time", Secure, tlsHandshakes, nil},
		{"tls-slow", "handshakes and heads of requests behind a handshake, one byte a second, 500 connections", Secure, tlsSlow, nil},
		{"tls-renegotiate", "TLS 1.2 connections that ask for another handshake, 8 at a time", Secure, tlsRenegotiate, judgeRenegotiate},
		{"h2-reset", "streams of HTTP/2 that are reset at once, 4 connections", Secure, h2Reset, nil},
		{"h2-streams", "250 streams each on 40 connections whose answers must not be sent", Secure, h2Streams, nil},
		{"h2-bodies", "250 bodies each on 20 connections, one byte a second", Secure, h2Bodies, nil},
		{"h2-frames", "floods of PING, SETTINGS, WINDOW_UPDATE, PRIORITY, CONTINUATION and unknown frames, 12 connections that read no answer", Secure, h2Frames, nil},
		{"forwarding", "requests for the sessions of 12 other nodes that answer never, slowly, without an end or with garbage, 240 at a time", "forward", forwarding, nil},
		{"redis", "garbage, messages of up to 4 MB, wrong shapes, requests and answers on the channels and in the stream of a cluster's Redis, 2 connections", Cluster, redis, nil},
	}
}

// Names are the names of All.
func Names() (names []string) {
	for _, a := range All() {
		names = append(names, a.Name)
	}
	return names
}

// Find returns the attack with the name.
func Find(name string) (Attack, error) {
	all := All()
	i := slices.IndexFunc(all, func(a Attack) bool { return a.Name == name })
	if i < 0 {
		return Attack{}, fmt.Errorf("attack: there is no attack %q", name)
	}
	return all[i], nil
}

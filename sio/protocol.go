package sio

import (
	"bytes"

	"github.com/sioserver/sioserver/codec/jsonenc"
	"github.com/sioserver/sioserver/codec/socketio"
	"github.com/sioserver/sioserver/eio"
)

// protocol is what depends on the version of the Socket.IO protocol that a
// client speaks. Immutable, safe for concurrent use.
type protocol interface {
	// opened is called on the loop when the client has connected.
	opened(c *client)
	// normal returns the header of a packet as protocol 5 has it. h is
	// borrowed.
	normal(h socketio.Header) socketio.Header
	// recovers reports whether clients can come back to their sockets.
	recovers() bool
	// newID makes the id of a socket with the slot in its namespace's rooms.
	// Called on the loop.
	newID(c *client, slot uint32) socketID
	// places reports whether place finds the socket with an id from newID.
	places() bool
	// appendConnect appends the answer to a CONNECT packet, and appendRefusal
	// that of a middleware. A refusal by the server is the same for all
	// clients.
	appendConnect(dst []byte, f codec, namespace, sid, pid string) []byte
	appendRefusal(dst []byte, f codec, namespace, message string, data []byte) []byte
}

// protocols are the versions by the number of the Engine.IO protocol below.
var protocols = [...]protocol{3: protocol4{}, 4: protocol5{}}

// protocol returns what the client speaks. A client keeps nothing for it.
func (c *client) protocol() protocol { return protocols[c.Protocol()] }

// protocol5 is that of Socket.IO 3 and later.
type protocol5 struct{}

func (protocol5) opened(*client) {}

func (protocol5) normal(h socketio.Header) socketio.Header { return h }

func (protocol5) recovers() bool { return true }

func (protocol5) newID(c *client, slot uint32) socketID {
	return c.perLoop().ids.next(c.Loop().Index(), slot)
}

func (protocol5) places() bool { return true }

func (protocol5) appendConnect(dst []byte, f codec, namespace, sid, pid string) []byte {
	return f.appendConnect(dst, namespace, sid, pid)
}

func (protocol5) appendRefusal(dst []byte, f codec, namespace, message string, data []byte) []byte {
	return f.appendConnectError(dst, namespace, message, data)
}

// protocol4 is that of Socket.IO 2, over Engine.IO 3. Its clients are in "/"
// without asking, append a query to the names of namespaces, and have other ids
// and refusals.
type protocol4 struct{}

// opened connects the client to "/", as if it had asked.
func (protocol4) opened(c *client) {
	c.join(socketio.Header{Type: socketio.Connect, Namespace: []byte("/")})
}

func (protocol4) normal(h socketio.Header) socketio.Header { return cutQuery(h) }

func (protocol4) recovers() bool { return false }

// newID returns the id of the connection, which all its sockets have.
func (protocol4) newID(c *client, _ uint32) (id socketID) {
	copy(id[:], c.Session.ID())
	return id
}

func (protocol4) places() bool { return false }

func (protocol4) appendConnect(dst []byte, f codec, namespace, sid, _ string) []byte {
	return f.appendConnect4(dst, namespace, sid)
}

func (protocol4) appendRefusal(dst []byte, f codec, namespace, message string, data []byte) []byte {
	return f.appendConnectError4(dst, namespace, message, data)
}

// cutQuery parts the query from the namespace of a packet of an old client. In
// a CONNECT it takes the place of the auth payload.
func cutQuery(h socketio.Header) socketio.Header {
	if h.Type == socketio.Connect {
		h.Data = nil
	}
	i := bytes.IndexAny(h.Namespace, "?#")
	if i < 0 {
		return h
	}
	if h.Type == socketio.Connect && h.Namespace[i] == '?' {
		query, _, _ := bytes.Cut(h.Namespace[i+1:], []byte{'#'})
		h.Data = authOf(query)
	}
	h.Namespace = h.Namespace[:i]
	return h
}

// authOf makes a JSON object of a query: of strings, and of lists of strings
// for parameters that are repeated, in the order of their first appearance.
func authOf(query []byte) []byte {
	var names []string
	values := make(map[string][]string)
	for name, value := range eio.QueryPairs(query) {
		list := values[string(name)]
		if list == nil {
			names = append(names, string(name))
		}
		values[string(name)] = append(list, string(value))
	}
	b := []byte{'{'}
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(jsonenc.AppendString(b, name), ':')
		list := values[name]
		if len(list) == 1 {
			b = jsonenc.AppendString(b, list[0])
			continue
		}
		for j, value := range list {
			b = jsonenc.AppendString(append(b, "[,"[min(j, 1)]), value)
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

package sio

import (
	"bytes"

	"github.com/sioserver/sioserver/codec/jsonenc"
	"github.com/sioserver/sioserver/codec/socketio"
	"github.com/sioserver/sioserver/eio"
)

// What is different for clients of protocol 4, Socket.IO 2 over Engine.IO 3:
// they are in "/" without asking, put a query behind
// the names of namespaces, and have other ids and refusals.

// old reports whether the client speaks protocol 4.
func (c *client) old() bool { return c.Protocol() == 3 }

// joinMain connects an old client to "/", as if it had asked.
func (c *client) joinMain() {
	c.join(socketio.Header{Type: socketio.Connect, Namespace: []byte("/")})
}

// cutQuery parts the query from the namespace of a packet of an old client. In a
// CONNECT it takes the place of the auth payload.
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

// refuseBare answers a CONNECT packet of an old client with an error: with its
// data when there is some, else with its message.
func (c *client) refuseBare(namespace, message string, data []byte) {
	if data == nil || string(data) == "null" {
		data = jsonenc.AppendString(nil, message)
	}
	c.part().counts.refused.Add(1)
	c.logRefused(namespace, message)
	m := c.srv.plainMessage(func(b []byte) []byte {
		return socketio.AppendHeader(b, socketio.Header{Type: socketio.ConnectError, Namespace: []byte(namespace), Data: data})
	})
	m.send(c)
	m.release()
}

// welcomeBare answers a CONNECT packet of an old client.
func (s *Socket) welcomeBare() message {
	return s.ns.srv.plainMessage(func(b []byte) []byte {
		return socketio.AppendHeader(b, socketio.Header{Type: socketio.Connect, Namespace: []byte(s.ns.name)})
	})
}

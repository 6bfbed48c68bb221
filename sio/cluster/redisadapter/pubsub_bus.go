package redisadapter

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/sioserver/sioserver/codec/jsonenc"
	"github.com/sioserver/sioserver/codec/msgpack"
	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
)

// pubsubBus carries the messages of one namespace of one server. It implements
// cluster.Bus and cluster.Counter. Safe for concurrent use.
type pubsubBus struct {
	names     pubsubNames
	members   *members
	local     adapter.Local
	uid       string
	receive   func(m *cluster.Message)
	listings  atomic.Int32 // running answers to older versions
	echoes    [2][]byte    // the beginnings of own broadcasts and requests
	broadcast receiver
	request   receiver
	response  receiver
	mayWait   func() bool
	ended     <-chan struct{} // closed when no call may wait any more
}

// maxListings is how many requests of older versions are answered at once.
const maxListings = 2

// open subscribes, last to the channel by which servers are counted.
func (p *PubSub) open(local adapter.Local, uid string, receive func(m *cluster.Message), ended <-chan struct{}) *pubsubBus {
	b := &pubsubBus{
		names:   newPubSubNames(p.cfg.Key, local.Namespace(), p.cfg.PublishOnSpecificResponseChannel),
		members: p.members, local: local, uid: uid, receive: receive,
		mayWait: waits(local), ended: ended,
	}
	b.echoes[0] = msgpack.AppendString(msgpack.AppendArrayHeader(nil, 3), uid)
	b.echoes[1] = jsonenc.AppendString([]byte(`{"uid":`), uid)
	b.broadcast.receive, b.request.receive, b.response.receive = b.onBroadcast, b.onRequest, b.onResponse
	c := p.channels
	c.psubscribe(&b.broadcast, b.names.pattern())
	c.subscribe(&b.response, b.names.response, b.names.of(uid))
	c.subscribe(&b.request, b.names.request)
	return b
}

// Publish implements cluster.Bus. It may wait while the queue is full.
func (b *pubsubBus) Publish(m *cluster.Message) error {
	channel, payload, err := b.names.encode(m)
	if err != nil {
		return err
	}
	return b.members.channels.send(m, channel, payload, b.mayWait, b.ended)
}

// MaxMessage implements cluster.Sizer.
func (b *pubsubBus) MaxMessage() int { return b.members.channels.cfg.maxMessage }

// ServerCount implements cluster.Counter. It waits until this server gets
// answers.
func (b *pubsubBus) ServerCount(ctx context.Context) (int, error) {
	return b.members.channels.countServers(ctx, b.names.request, b.names.response, b.names.of(b.uid))
}

// Close implements cluster.Bus.
func (b *pubsubBus) Close() error {
	c := b.members.channels
	c.punsubscribe(&b.broadcast, b.names.pattern())
	c.unsubscribe(&b.response, b.names.response, b.names.of(b.uid))
	c.unsubscribe(&b.request, b.names.request)
	return nil
}

// onBroadcast takes a broadcast. It does not decode one to a room without
// members here.
func (b *pubsubBus) onBroadcast(channel string, payload []byte) {
	room, ok := strings.CutPrefix(channel, b.names.broadcast)
	if !ok || bytes.HasPrefix(payload, b.echoes[0]) {
		return
	}
	if room != "" {
		room, ok = strings.CutSuffix(room, "#")
		if !ok || !b.local.HasRoom(room) {
			return
		}
	}
	m, err := decodeBroadcast(payload)
	if err != nil {
		b.members.refuse(channel, err)
		return
	}
	b.receive(m)
}

// onRequest takes a request of another server.
func (b *pubsubBus) onRequest(channel string, payload []byte) {
	if bytes.HasPrefix(payload, b.echoes[1]) {
		return
	}
	r, err := decodeRequest(payload, b.local.Namespace())
	switch {
	case err != nil:
		b.members.refuse(channel, err)
	case r.uid == b.uid:
	case r.message == nil:
		b.list(r)
	case r.sid == "":
		b.receive(r.message)
	case b.local.HasRoom(r.sid): // the socket is here
		b.receive(r.message)
		b.respond(r, appendDone(nil, r.requestID))
	}
}

// onResponse takes an answer.
func (b *pubsubBus) onResponse(channel string, payload []byte) {
	m, err := decodeResponse(payload, b.local.Namespace(), b.uid)
	switch {
	case err != nil:
		b.members.refuse(channel, err)
	case m != nil:
		b.receive(m)
	}
}

// list answers requests of older versions for sockets or rooms.
func (b *pubsubBus) list(r request) {
	if b.listings.Add(1) > maxListings {
		b.listings.Add(-1)
		b.members.dropped.Add(1)
		return
	}
	go func() {
		defer b.listings.Add(-1)
		sockets := b.local.Sockets(adapter.Options{Rooms: r.rooms})
		if r.kind == socketsRequest {
			b.respond(r, appendSocketIDs(nil, r.requestID, sockets))
			return
		}
		var rooms []string
		for i := range sockets {
			rooms = append(rooms, sockets[i].Rooms...)
		}
		slices.Sort(rooms)
		b.respond(r, appendAllRooms(nil, r.requestID, slices.Compact(rooms)))
	}()
}

// respond answers an older version. A lost answer is counted.
func (b *pubsubBus) respond(r request, payload []byte) {
	channel := b.names.response
	if b.names.specific && r.uid != "" {
		channel = b.names.of(r.uid)
	}
	_ = b.members.channels.out.add(answers, channel, payload)
}

var (
	_ cluster.Bus     = (*pubsubBus)(nil)
	_ cluster.Counter = (*pubsubBus)(nil)
	_ cluster.Sizer   = (*pubsubBus)(nil)
)

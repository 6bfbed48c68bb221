package cluster_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
)

// script reads the messages that a fuzzer makes up.
type script []byte

func (s *script) next() int {
	if len(*s) == 0 {
		return 0
	}
	b := (*s)[0]
	*s = (*s)[1:]
	return int(b)
}

// message is one that is likely to have to do with the node's requests, "id-1"
// to "id-4".
func (s *script) message() *cluster.Message {
	kinds := s.next()
	kind := cluster.MessageType(kinds % 16)
	if kind > cluster.AdapterClose {
		kind = cluster.AnswerPart + kind%2
	}
	m := &cluster.Message{
		Type:      kind,
		UID:       []string{"a", "b", "c", "", cluster.EmitterUID, "id", string(*s)}[s.next()%7],
		Namespace: []string{"/", "/", "/", "/other"}[s.next()%4],
		RequestID: []string{"", "id-1", "id-2", "id-3", "id-4", string(*s)}[s.next()%6],
		CountOnly: kinds&0x40 != 0,
		Close:     kinds&0x80 != 0,
	}
	if kinds&0x20 != 0 {
		m.To = []string{"id", "a"}[s.next()%2]
	}
	if kinds&0x10 != 0 {
		var b [8]byte
		*s = (*s)[copy(b[:], *s):]
		m.ClientCount = int(binary.LittleEndian.Uint64(b[:]))
		m.Timeout = time.Duration(m.ClientCount)
	} else {
		m.ClientCount = s.next() % 4
	}
	for range s.next() % 4 {
		m.Sockets = append(m.Sockets, adapter.Details{ID: "x", Data: []byte(*s)})
	}
	m.Answer.Data = []byte(*s)
	m.Parts = m.ClientCount
	if kind >= cluster.AnswerPart && m.ClientCount != 3 {
		flags := s.next()
		m.Part = &cluster.Part{
			Stream: []string{"id-1", "id-5", "s"}[flags%3], Number: s.next() % 4, Limit: m.ClientCount, Last: flags&0x80 != 0, Stop: flags&0x40 != 0,
		}
		n := s.next()
		m.Part.Bytes = (*s)[:min(len(*s), n)]
	}
	return m
}

// BroadcastAck has one client, which does not answer.
func (*sink) BroadcastAck(_ context.Context, _ adapter.Packet, _ adapter.Options, acks adapter.Acks) error {
	acks.Clients(1)
	return nil
}

// FuzzReceive has a node with requests of all kinds receive what others make
// up: it must not panic, hold more than its limits, or wait for ever.
func FuzzReceive(f *testing.F) {
	answers := []byte{}
	for id := range byte(4) {
		for uid := range byte(2) {
			answers = append(answers, byte(cluster.BroadcastClientCount), uid, 0, 1+id, 1, 0)
			answers = append(answers, byte(cluster.BroadcastAck), uid, 0, 1+id, 0, 0)
			answers = append(answers, byte(cluster.FetchSocketsResponse), uid, 0, 1+id, 0, 2)
			answers = append(answers, byte(cluster.ServerSideEmitResponse), uid, 0, 1+id, 0, 0)
		}
	}
	f.Add(answers)
	requests := []byte{}
	for kind := range byte(16) {
		requests = append(requests, kind, 0, 0, 1, 0, 0, kind|0x10, 1, 0, 5, 1, 2, 3, 4, 5, 6, 7, 8, 0)
	}
	f.Add(requests)
	parts := []byte{}
	for number := range byte(3) {
		for id := range byte(4) {
			// kind, uid, namespace, id, count, sockets, flags, number, length,
			// and a record
			parts = append(parts, 14, id%2, 0, 1+id, 1, 0, number/2<<7, number, 8, 7, 1, 'i', 2, '{', '}', 1, '1')
			parts = append(parts, byte(cluster.BroadcastClientCount), id%2, 0, 1+id, 1, 0)
		}
	}
	f.Add(parts)
	f.Fuzz(func(t *testing.T, b []byte) {
		const maxRequests, maxQueued = 5, 3
		s, n := newSink(t, cluster.Config{
			UID: names("id"), MaxRequests: maxRequests, MaxQueued: maxQueued, Handlers: 1, MaxAnswerBytes: 2000, AckTimeout: time.Hour,
		})
		for _, uid := range []string{"a", "b"} {
			s.receive(&cluster.Message{Type: cluster.Heartbeat, UID: uid, Namespace: "/"})
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ends := make(chan error, 3)
		go func() {
			list, err := n.FetchSockets(ctx, adapter.Options{})
			ends <- within(err, len(list))
		}()
		go func() {
			_, err := n.CountSockets(ctx, adapter.Options{})
			ends <- within(err, 0)
		}()
		go func() {
			list, err := n.ServerSideEmitAck(ctx, adapter.Packet{})
			ends <- within(err, len(list))
		}()
		c := newCollector()
		if err := n.BroadcastAck(ctx, adapter.Packet{}, adapter.Options{}, c); err != nil {
			t.Fatal(err)
		}
		for n.Stats().Published < 5 { // the requests have ids
			time.Sleep(10 * time.Microsecond)
		}
		for text := script(b); len(text) > 0; {
			s.receive(text.message())
		}
		if stats := n.Stats(); stats.Requests > maxRequests || stats.Asked > maxRequests || stats.Queued > 3*maxQueued ||
			stats.Panics != 0 || stats.Nodes > len(b)+2 {
			t.Errorf("%+v", stats)
		}
		c.mu.Lock()
		if len(c.answers) > 15 {
			t.Errorf("%d answers within 2,000 bytes", len(c.answers))
		}
		c.mu.Unlock()
		cancel()
		for range 3 {
			if err := <-ends; err != nil {
				t.Error(err)
			}
		}
	})
}

// within checks what has come of a request: at least 128 bytes each.
func within(err error, items int) error {
	if items > 15*3 {
		return fmt.Errorf("%d items within 2,000 bytes, and %w", items, err)
	}
	return nil
}

package cluster_test

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
)

// field appends a field of a record, as parts have them.
func field(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// record is one of these fields.
func record(fields ...string) []byte {
	var body []byte
	for _, f := range fields {
		body = field(body, f)
	}
	return field(nil, string(body))
}

// TestForgedParts answers with parts that are no parts, twice, in the wrong
// order, and in the name of others.
func TestForgedParts(t *testing.T) {
	kinds(t, func(t *testing.T, w *network) {
		w, ms := alone(t, w.counting, "n1", "n2")
		c := ms.fetch(t)
		part := func(uid string, number int, last bool, b []byte) cluster.Message {
			return cluster.Message{
				Type: cluster.AnswerPart, UID: uid, RequestID: "n0-1",
				Part: &cluster.Part{Stream: "s", Number: number, Last: last, Bytes: b},
			}
		}
		good := record("i", "{}", "1", "r", "s")
		first := part("n1", 0, false, good)
		w.inject("n0", first)
		unknown, invalid := uint64(0), uint64(0)
		for name, m := range map[string]cluster.Message{
			"not the first one":  part("n2", 1, true, good),
			"too far":            part("n1", 2, true, good),
			"again":              first,
			"another stream":     {Type: cluster.AnswerPart, UID: "n1", RequestID: "n0-1", Part: &cluster.Part{Stream: "t", Number: 1, Last: true}},
			"another request":    {Type: cluster.AnswerPart, UID: "n2", RequestID: "n0-9", Part: &cluster.Part{Stream: "t", Last: true}},
			"a negative number":  part("n1", -1, true, nil),
			"whole, beside":      {Type: cluster.FetchSocketsResponse, UID: "n1", RequestID: "n0-1"},
			"news of nothing":    {Type: cluster.NextPart, UID: "n1", RequestID: "n0-1", Part: &cluster.Part{Number: 1, Limit: 1}},
			"news of a stranger": {Type: cluster.NextPart, UID: "x", RequestID: "s", Part: &cluster.Part{Stop: true}},
		} {
			unknown++
			w.inject("n0", m)
			if s := ms.nodes[0].Stats(); s.Unknown != unknown || s.Requests != 1 {
				t.Errorf("%s: %+v, want %d unknown", name, s, unknown)
			}
		}
		for name, m := range map[string]cluster.Message{
			"no part":        {Type: cluster.AnswerPart, UID: "n2", RequestID: "n0-1"},
			"no sender":      part("", 0, true, good),
			"no stream":      {Type: cluster.AnswerPart, UID: "n2", RequestID: "n0-1", Part: &cluster.Part{Last: true}},
			"a long stream":  {Type: cluster.AnswerPart, UID: "n2", RequestID: "n0-1", Part: &cluster.Part{Stream: string(make([]byte, 200))}},
			"no news":        {Type: cluster.NextPart, UID: "n2", RequestID: "s"},
			"cut off":        part("n2", 0, true, good[:len(good)-1]),
			"a huge length":  part("n2", 0, false, []byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02")),
			"no id":          part("n2", 0, false, record("", "{}", "1")),
			"few fields":     part("n2", 0, false, record("i", "{}")),
			"no Unicode":     part("n2", 0, false, record("\xff", "{}", "1")),
			"a room of none": part("n2", 0, false, record("i", "{}", "1", "\xff")),
			"a field beyond": part("n2", 0, false, field(nil, "\x05i")),
		} {
			invalid++
			w.inject("n0", m)
			if s := ms.nodes[0].Stats(); s.Invalid != invalid || s.Requests != 1 {
				t.Errorf("%s: %+v, want %d invalid", name, s, invalid)
			}
		}
		select {
		case got := <-c:
			t.Fatalf("the request has ended: %v", got)
		default:
		}
		w.inject("n0", part("n2", 0, true, record("j", "{", "nonsense")))
		w.inject("n0", part("n1", 1, true, nil))
		got := <-c
		if got.err != nil || len(got.list) != 2 || got.list[0].ID != "j" || got.list[0].Data != nil || len(got.list[1].Rooms) != 2 {
			t.Errorf("got %v", got)
		}
		ms.close(t)
	})
}

// TestForgedAckParts has nodes answer in parts for more clients than they have
// announced, and say that others are gone.
func TestForgedAckParts(t *testing.T) {
	kinds(t, func(t *testing.T, w *network) {
		w, ms := alone(t, w.counting, "n1", "n2")
		c := ms.question(t)
		say := func(uid string, number int, last bool, answers int) {
			var b []byte
			for range answers {
				b = append(b, record("\x01"+`"x"`)...)
			}
			w.inject("n0", cluster.Message{Type: cluster.AnswerPart, UID: uid, RequestID: "n0-1", Part: &cluster.Part{Stream: uid, Number: number, Last: last, Bytes: b}})
		}
		say("n1", 0, true, 1) // it has not told its clients
		w.inject("n0", cluster.Message{Type: cluster.BroadcastClientCount, UID: "n1", RequestID: "n0-1", ClientCount: 2})
		say("n1", 0, false, 1)
		say("n1", 1, true, 5) // more than are there
		say("n1", 2, true, 0)
		w.inject("n0", cluster.Message{Type: cluster.BroadcastClientCount, UID: "n2", RequestID: "n0-1", ClientCount: 3})
		say("n2", 0, false, 1)
		say("n2", 1, true, 0) // two are gone
		answers, missing, complete := c.result(t.Context())
		if len(answers) != 3 || missing != 2 || !complete || c.why != nil {
			t.Errorf("answers %q, %d missing, %v: %v", answers, missing, complete, c.why)
		}
		if s := ms.nodes[0].Stats(); s.Invalid != 1 || s.Unknown != 2 {
			t.Errorf("%+v", s)
		}
		ms.close(t)
	})
}

// TestPartsBeyondLimits has a node send without being asked, until the request
// ends.
func TestPartsBeyondLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &network{drop: func(string, *cluster.Message) bool { return true }}
		ms := w.join(t, 1, cluster.Config{MaxAnswerBytes: 1 << 20, RequestTimeout: time.Hour, HeartbeatTimeout: 2 * time.Hour})
		w.inject("n0", cluster.Message{Type: cluster.Heartbeat, UID: "n1"})
		c := ms.fetch(t)
		for i := range 100 {
			b := make([]byte, 64<<10)
			if i == 0 {
				binary.PutUvarint(b, 1<<40) // a record whose end never comes
			}
			w.inject("n0", cluster.Message{Type: cluster.AnswerPart, UID: "n1", RequestID: "n0-1", Part: &cluster.Part{Stream: "s", Number: i, Bytes: b}})
		}
		got := <-c
		var partial *cluster.ResponseError
		if !errors.Is(got.err, cluster.ErrAnswersTooLarge) || !errors.As(got.err, &partial) || partial.Received != 0 || partial.Expected != 1 {
			t.Errorf("got %v", got.err)
		}
		if s := ms.nodes[0].Stats(); s.Requests != 0 || s.Dropped != 1 {
			t.Errorf("%+v", s)
		}
		ms.close(t)
	})
}

// TestForgedFields answers with a record of very many fields without bytes.
// What they would become counts against MaxAnswerBytes, and no memory is taken
// for it.
func TestForgedFields(t *testing.T) {
	const limit = 1 << 20
	empty := string(make([]byte, limit/2))
	for name, ask := range map[string]func(ctx context.Context, n *cluster.Node) error{
		"FetchSockets": func(ctx context.Context, n *cluster.Node) error {
			_, err := n.FetchSockets(ctx, adapter.Options{})
			return err
		},
		"ServerSideEmitAck": func(ctx context.Context, n *cluster.Node) error {
			_, err := n.ServerSideEmitAck(ctx, adapter.Packet{Event: "q"})
			return err
		},
		"BroadcastAck": func(ctx context.Context, n *cluster.Node) error {
			c := newCollector()
			if err := n.BroadcastAck(ctx, adapter.Packet{Event: "q"}, adapter.Options{}, c); err != nil {
				return err
			}
			c.start()
			c.result(ctx)
			return c.why
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &network{drop: func(string, *cluster.Message) bool { return true }}
				ms := w.join(t, 1, cluster.Config{MaxAnswerBytes: limit, RequestTimeout: time.Hour, HeartbeatTimeout: 2 * time.Hour})
				ms.locals[0].clients = nil
				w.inject("n0", cluster.Message{Type: cluster.Heartbeat, UID: "n1"})
				ended := make(chan error, 1)
				go func() { ended <- ask(t.Context(), ms.nodes[0]) }()
				synctest.Wait()
				w.inject("n0", cluster.Message{Type: cluster.BroadcastClientCount, UID: "n1", RequestID: "n0-1", ClientCount: 1})
				// A socket, and an answer, too: both begin with a field of one
				// byte.
				forged := append(field(nil, "\x01"), field(field(nil, "{}"), "1")...)
				forged = field(nil, string(forged)+empty)
				part := cluster.Message{Type: cluster.AnswerPart, UID: "n1", RequestID: "n0-1", Part: &cluster.Part{Stream: "s", Bytes: forged}}
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				w.inject("n0", part)
				runtime.ReadMemStats(&after)
				if got := after.TotalAlloc - before.TotalAlloc; got > 4*limit {
					t.Errorf("%d bytes were taken", got)
				}
				if err := <-ended; !errors.Is(err, cluster.ErrAnswersTooLarge) {
					t.Errorf("got %v", err)
				}
				if s := ms.nodes[0].Stats(); s.Requests != 0 || s.Dropped != 1 {
					t.Errorf("%+v", s)
				}
				ms.close(t)
			})
		})
	}
}

// TestImpatientRequester asks for parts of all sizes, and never says more.
func TestImpatientRequester(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &network{counting: true}
		ms := w.join(t, 1, cluster.Config{MaxRequests: 20, MaxQueued: 30})
		ms.locals[0].crowd(50, 4500)
		for i := range 100 {
			w.inject("n0", cluster.Message{Type: cluster.FetchSockets, UID: "x", RequestID: "1", Parts: []int{1, 1 << 30, 600}[i%3]})
			synctest.Wait()
		}
		s := ms.nodes[0].Stats()
		if s.Parting > 20 || s.Dropped == 0 {
			t.Errorf("%+v", s)
		}
		time.Sleep(time.Hour)
		if s := ms.nodes[0].Stats(); s.Parting != 0 || s.Asked != 0 {
			t.Errorf("%+v", s)
		}
		ms.close(t)
	})
}

// TestHugeFirstPart asks for a first part of any size: it has that of a part.
func TestHugeFirstPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &network{counting: true}
		ms := w.join(t, 2, cluster.Config{})
		ms.locals[0].crowd(1000, 4500)
		big := adapter.Answer{Data: []byte("0"), Attachments: [][]byte{make([]byte, 1<<20)}}
		ms.locals[0].event = func(_ adapter.Packet, reply func(adapter.Answer)) { reply(big) }
		for _, kind := range []cluster.MessageType{cluster.FetchSockets, cluster.ServerSideEmit} {
			w.inject("n0", cluster.Message{Type: kind, UID: "x", RequestID: "1", Parts: math.MaxInt})
		}
		synctest.Wait()
		if s := ms.nodes[0].Stats(); s.Parting != 2 {
			t.Errorf("%+v", s)
		}
		time.Sleep(time.Hour)
		ms.close(t)
	})
}

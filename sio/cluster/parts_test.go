package cluster_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sioserver/sioserver/loop/looptest/dice"
	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
)

// crowd gives a server many sockets with as many bytes of data each.
func (l *local) crowd(sockets, size int) {
	l.sockets = nil
	data := fmt.Appendf(nil, "%q", strings.Repeat("x", size))
	for i := range sockets {
		l.sockets = append(l.sockets, adapter.Details{
			ID: fmt.Sprint(l.name, "-", i), Handshake: []byte(`{"auth":{}}`), Rooms: []string{"r", "s"}, Data: data,
		})
	}
}

// whole checks that each socket of the servers but the first is there, once,
// with all that it has.
func (ms *members) whole(t *testing.T, list []adapter.Details) {
	t.Helper()
	got := make(map[string]adapter.Details)
	for _, d := range list {
		got[d.ID] = d
	}
	want := 0
	for _, l := range ms.locals[1:] {
		for _, d := range l.sockets {
			want++
			g := got[d.ID]
			if !bytes.Equal(g.Data, d.Data) || !bytes.Equal(g.Handshake, d.Handshake) || fmt.Sprint(g.Rooms) != fmt.Sprint(d.Rooms) {
				t.Fatalf("%s: %d bytes of data, %s, %q", d.ID, len(g.Data), g.Handshake, g.Rooms)
			}
		}
	}
	if len(list) != want {
		t.Errorf("%d sockets, want %d", len(list), want)
	}
}

// TestLargeFetch has many sockets with much data described: everything comes,
// and what is on its way at a time is bounded.
func TestLargeFetch(t *testing.T) {
	kinds(t, func(t *testing.T, w *network) {
		ms := w.join(t, 3, cluster.Config{})
		for _, l := range ms.locals[1:] {
			l.crowd(2000, 4500)
		}
		for range 2 {
			got := <-ms.fetch(t)
			if got.err != nil {
				t.Fatal(got.err)
			}
			ms.whole(t, got.list)
		}
		if most, largest := w.onTheWay("n0"); largest > 260<<10 || most > 2*260<<10 {
			t.Errorf("%d bytes were on their way, %d in one message", most, largest)
		}
		for i, n := range ms.nodes {
			if s := n.Stats(); s.Unknown+s.Invalid+s.Dropped+s.Resent != 0 || s.Parting != 0 {
				t.Errorf("node %d: %+v", i, s)
			}
		}
		ms.close(t)
	})
}

// TestManyFetches makes many requests at once to several servers: what is on
// its way to the one that asks stays bounded.
func TestManyFetches(t *testing.T) {
	kinds(t, func(t *testing.T, w *network) {
		w.delay = func(string, string) time.Duration { return 5 * time.Millisecond }
		ms := w.join(t, 5, cluster.Config{})
		for _, l := range ms.locals[1:] {
			l.crowd(40, 4500)
		}
		var asking sync.WaitGroup
		for range 20 {
			asking.Go(func() {
				list, err := ms.nodes[0].FetchSockets(t.Context(), adapter.Options{})
				if err != nil {
					t.Error(err)
				}
				ms.whole(t, list)
			})
		}
		asking.Wait()
		if most, _ := w.onTheWay("n0"); most > 6<<20 {
			t.Errorf("%d bytes were on their way", most)
		}
		ms.close(t)
	})
}

// TestLargeDescriptions has sockets each of which is larger than a part.
func TestLargeDescriptions(t *testing.T) {
	kinds(t, func(t *testing.T, w *network) {
		ms := w.join(t, 2, cluster.Config{})
		ms.locals[1].crowd(5, 3<<20)
		got := <-ms.fetch(t)
		if got.err != nil {
			t.Fatal(got.err)
		}
		ms.whole(t, got.list)
		if most, _ := w.onTheWay("n0"); most > 260<<10 {
			t.Errorf("%d bytes were on their way", most)
		}
		ms.close(t)
	})
}

// TestPartsLost loses and repeats parts, and the news of them: all come all the
// same.
func TestPartsLost(t *testing.T) {
	kinds(t, func(t *testing.T, w *network) {
		d := dice.New(t)
		w.copies = 2
		w.drop = func(_ string, m *cluster.Message) bool {
			return (m.Type == cluster.AnswerPart || m.Type == cluster.NextPart) && d.Int(10) == 0
		}
		ms := w.join(t, 3, cluster.Config{RequestTimeout: time.Minute, AckTimeout: time.Hour})
		for _, l := range ms.locals[1:] {
			l.crowd(300, 4500)
			l.clients = nil
			for i := range 300 {
				l.clients = append(l.clients, client{answer: fmt.Sprint(l.name, strings.Repeat("x", 5000), i), after: d.Duration(time.Second)})
			}
		}
		got := <-ms.fetch(t)
		if got.err != nil {
			t.Fatal(got.err)
		}
		ms.whole(t, got.list)
		c := newCollector()
		if err := ms.nodes[0].BroadcastAck(t.Context(), adapter.Packet{Event: "q"}, adapter.Options{}, c); err != nil {
			t.Fatal(err)
		}
		c.start()
		if answers, missing, complete := c.result(t.Context()); len(answers) != 602 || missing != 0 || !complete {
			t.Errorf("%d answers, %d missing, %v", len(answers), missing, complete)
		}
		w.mu.Lock()
		w.drop = nil
		w.mu.Unlock()
		time.Sleep(time.Hour)
		ms.close(t)
	})
}

// TestSlowParts has a node take its time: a request lives as long as parts
// come, but not for ever.
func TestSlowParts(t *testing.T) {
	kinds(t, func(t *testing.T, w *network) {
		ms := w.join(t, 2, cluster.Config{})
		ms.locals[1].crowd(100, 20_000) // eight parts
		w.slow(2 * time.Second)
		start := time.Now()
		got := <-ms.fetch(t)
		if got.err != nil {
			t.Fatal(got.err)
		}
		ms.whole(t, got.list)
		if took := time.Since(start); took < 20*time.Second {
			t.Errorf("it took %v only", took)
		}
		w.slow(3 * time.Second) // each step takes longer than RequestTimeout
		if got = <-ms.fetch(t); !errors.Is(got.err, cluster.ErrTimeout) {
			t.Errorf("got %v", got.err)
		}
		w.slow(2 * time.Second)
		time.Sleep(time.Minute) // what was slower has arrived
		ms.locals[1].crowd(1000, 20_000)
		start = time.Now()
		got = <-ms.fetch(t)
		if took := time.Since(start); took > 101*time.Second || !errors.Is(got.err, cluster.ErrTimeout) || len(got.list) < 100 {
			t.Errorf("after %v: %d sockets, %v", took, len(got.list), got.err)
		}
		w.slow(0)
		time.Sleep(time.Hour)
		ms.close(t)
	})
}

// TestDeathInParts has the answering node die between two parts, and the one
// that asks.
func TestDeathInParts(t *testing.T) {
	kinds(t, func(t *testing.T, w *network) {
		ms := w.join(t, 3, cluster.Config{RequestTimeout: time.Minute})
		ms.locals[1].crowd(1000, 4500)
		ms.locals[2].crowd(1000, 4500)
		w.slow(100 * time.Millisecond)
		c := ms.fetch(t)
		time.Sleep(550 * time.Millisecond)
		w.cut("n2")
		got := <-c
		if w.counting { // it can't be known that the node is gone
			incomplete(t, got.err, cluster.ErrTimeout)
			if len(got.list) <= 1000 || len(got.list) >= 2000 {
				t.Errorf("%d sockets", len(got.list))
			}
		} else if got.err != nil || len(got.list) != 1000 {
			t.Errorf("%d sockets, %v", len(got.list), got.err)
		}
		c = ms.fetch(t)
		time.Sleep(550 * time.Millisecond)
		w.cut("n0")
		if s := ms.nodes[1].Stats(); s.Parting != 1 {
			t.Errorf("%+v", s)
		}
		time.Sleep(5 * time.Minute)
		<-c
		if s := ms.nodes[1].Stats(); s.Parting != 0 || s.Dropped == 0 {
			t.Errorf("%+v", s)
		}
		for _, n := range ms.nodes {
			_ = n.Close()
		}
		time.Sleep(time.Second)
	})
}

// TestAbandonedParts ends the context of a request whose answer is coming: the
// answering node is told.
func TestAbandonedParts(t *testing.T) {
	kinds(t, func(t *testing.T, w *network) {
		w.delay = func(string, string) time.Duration { return 100 * time.Millisecond }
		ms := w.join(t, 2, cluster.Config{})
		ms.locals[1].crowd(1000, 4500)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		list, err := ms.nodes[0].FetchSockets(ctx, adapter.Options{})
		if !errors.Is(err, cluster.ErrTimeout) || len(list) == 0 || len(list) == 1000 {
			t.Errorf("%d sockets, %v", len(list), err)
		}
		time.Sleep(time.Second)
		if s := ms.nodes[1].Stats(); s.Parting != 0 {
			t.Errorf("%+v", s)
		}
		ms.close(t)
	})
}

// TestWholeAnswers asks as a node of the reference does, which takes no parts.
func TestWholeAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &network{counting: true, unnamed: true}
		ms := w.join(t, 2, cluster.Config{})
		ms.locals[1].crowd(1000, 4500)
		got := <-ms.fetch(t)
		if got.err != nil {
			t.Fatal(got.err)
		}
		ms.whole(t, got.list)
		ms.locals[1].crowd(3000, 4500)
		ms.locals[1].event = func(_ adapter.Packet, reply func(adapter.Answer)) {
			reply(adapter.Answer{Data: []byte("0"), Attachments: [][]byte{make([]byte, 9<<20)}})
		}
		ms.locals[1].clients = []client{{answer: strings.Repeat("x", 9<<20)}}
		if got = <-ms.fetch(t); !errors.Is(got.err, cluster.ErrTimeout) || len(got.list) != 0 {
			t.Errorf("%d sockets, %v", len(got.list), got.err)
		}
		if _, err := ms.nodes[0].ServerSideEmitAck(t.Context(), adapter.Packet{Event: "ev"}); !errors.Is(err, cluster.ErrTimeout) {
			t.Errorf("got %v", err)
		}
		c := newCollector()
		if err := ms.nodes[0].BroadcastAck(t.Context(), adapter.Packet{Event: "q"}, adapter.Options{}, c); err != nil {
			t.Fatal(err)
		}
		c.start()
		if answers, missing, complete := c.result(t.Context()); len(answers) != 2 || missing != 1 || !complete {
			t.Errorf("%d answers, %d missing, %v", len(answers), missing, complete)
		}
		if s := ms.nodes[1].Stats(); s.TooLarge != 3 || s.Parting != 0 {
			t.Errorf("%+v", s)
		}
		ms.close(t)
	})
}

// TestLargeReplies has handlers of ServerSideEmit, and clients, answer with
// more than a part.
func TestLargeReplies(t *testing.T) {
	kinds(t, func(t *testing.T, w *network) {
		ms := w.join(t, 3, cluster.Config{})
		big := adapter.Answer{Data: []byte(`{"_placeholder":true,"num":0}`), Attachments: [][]byte{bytes.Repeat([]byte("b"), 3<<20)}}
		for _, l := range ms.locals[1:] {
			l.event = func(_ adapter.Packet, reply func(adapter.Answer)) { reply(big) }
			l.clients = []client{{answer: strings.Repeat("c", 1<<20)}, {}, {gone: true}, {answer: ""}}
		}
		answers, err := ms.nodes[0].ServerSideEmitAck(t.Context(), adapter.Packet{Event: "ev"})
		if err != nil || len(answers) != 2 {
			t.Fatalf("%d answers, %v", len(answers), err)
		}
		for _, a := range answers {
			if string(a.Data) != string(big.Data) || len(a.Attachments) != 1 || !bytes.Equal(a.Attachments[0], big.Attachments[0]) {
				t.Errorf("%s with %d attachments", a.Data, len(a.Attachments))
			}
		}
		c := newCollector()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if err := ms.nodes[0].BroadcastAck(ctx, adapter.Packet{Event: "q"}, adapter.Options{}, c); err != nil {
			t.Fatal(err)
		}
		c.start()
		if got, _, _ := c.result(ctx); len(got) != 4 || len(got[0]) != 1<<20+2 {
			t.Errorf("%d answers", len(got))
		}
		if most, _ := w.onTheWay("n0"); most > 2*260<<10 {
			t.Errorf("%d bytes were on their way", most)
		}
		ms.close(t)
	})
}

// TestBatchedAcks counts the messages that many acknowledgements take, and the
// clients that are gone.
func TestBatchedAcks(t *testing.T) {
	kinds(t, func(t *testing.T, w *network) {
		w.delay = func(string, string) time.Duration { return time.Millisecond }
		ms := w.join(t, 2, cluster.Config{})
		l := ms.locals[1]
		l.clients = nil
		d := dice.New(t)
		for i := range 4000 {
			l.clients = append(l.clients, client{answer: fmt.Sprint(i), after: d.Duration(50 * time.Millisecond), gone: i%10 == 9})
		}
		before, start := ms.nodes[1].Stats().Published, time.Now()
		c := newCollector()
		if err := ms.nodes[0].BroadcastAck(t.Context(), adapter.Packet{Event: "q"}, adapter.Options{}, c); err != nil {
			t.Fatal(err)
		}
		c.start()
		answers, missing, complete := c.result(t.Context())
		if len(answers) != 3602 || missing != 400 || !complete || c.why != nil {
			t.Errorf("%d answers, %d missing, %v: %v", len(answers), missing, complete, c.why)
		}
		if took := time.Since(start); took > 100*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		if n := ms.nodes[1].Stats().Published - before; n > 60 {
			t.Errorf("%d messages", n)
		}
		ms.close(t)
	})
}

// TestPartsOfSmallBus has a bus carry less than a part may have.
func TestPartsOfSmallBus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &network{most: 20 << 10}
		ms := w.join(t, 2, cluster.Config{})
		ms.locals[1].crowd(200, 45_000)
		big := adapter.Answer{Data: []byte(`{"_placeholder":true,"num":0}`), Attachments: [][]byte{bytes.Repeat([]byte("b"), 12<<10)}}
		ms.locals[1].event = func(_ adapter.Packet, reply func(adapter.Answer)) { reply(big) }
		got := <-ms.fetch(t)
		if got.err != nil {
			t.Fatal(got.err)
		}
		ms.whole(t, got.list)
		if answers, err := ms.nodes[0].ServerSideEmitAck(t.Context(), adapter.Packet{Event: "ev"}); err != nil || len(answers) != 1 {
			t.Errorf("%d answers, %v", len(answers), err)
		}
		w.inject("n1", cluster.Message{Type: cluster.ServerSideEmit, UID: "n0", RequestID: "1"}) // of the reference's kind
		synctest.Wait()
		if s := ms.nodes[1].Stats(); s.TooLarge != 1 || s.Lost != 0 {
			t.Errorf("%+v", s)
		}
		ms.close(t)
	})
}

// TestWaitingDescriptions has more requests for many sockets wait than are
// dealt with at once, and the sockets go meanwhile: the requests are answered
// all the same.
func TestWaitingDescriptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const requests = 500
		w := &network{counting: true}
		ms := w.join(t, 1, cluster.Config{})
		ms.locals[0].crowd(50, 4500)
		for range requests {
			w.inject("n0", cluster.Message{Type: cluster.FetchSockets, UID: "x", RequestID: "1", Parts: 1000})
			synctest.Wait()
		}
		s := ms.nodes[0].Stats()
		if s.Parting == 0 || s.Parting == requests || s.Queued != requests-s.Parting {
			t.Fatalf("%+v", s)
		}
		ms.locals[0].crowd(1, 10)
		for i := range s.Parting {
			w.inject("n0", cluster.Message{Type: cluster.NextPart, UID: "x", RequestID: fmt.Sprint("n0-", i+1), Part: &cluster.Part{Stop: true}})
		}
		synctest.Wait()
		if s := ms.nodes[0].Stats(); s.Published != requests || s.Parting != 0 || s.Queued != 0 || s.Dropped != 0 {
			t.Errorf("%+v", s)
		}
		ms.close(t)
	})
}

// TestCloseWhileWaiting closes a node for which requests wait: they are
// counted.
func TestCloseWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &network{counting: true}
		ms := w.join(t, 1, cluster.Config{})
		ms.locals[0].crowd(50, 4500)
		for range 100 {
			w.inject("n0", cluster.Message{Type: cluster.FetchSockets, UID: "x", RequestID: "1", Parts: 1000})
			synctest.Wait()
		}
		waiting := ms.nodes[0].Stats().Queued
		ms.close(t)
		if s := ms.nodes[0].Stats(); s.Dropped != uint64(waiting) || waiting == 0 {
			t.Errorf("%d waited: %+v", waiting, s)
		}
	})
}

// TestSilentRequesters has a node ask for many sockets as often as answers go
// out at once, and die: another one gets its answer all the same.
func TestSilentRequesters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &network{counting: true}
		ms := w.join(t, 2, cluster.Config{})
		ms.locals[1].crowd(50, 4500)
		for range 100 {
			w.inject("n1", cluster.Message{Type: cluster.FetchSockets, UID: "x", RequestID: "1", Parts: 1000})
			synctest.Wait()
		}
		time.Sleep(11 * time.Second)
		start := time.Now()
		got := <-ms.fetch(t)
		if got.err != nil || time.Since(start) > time.Second {
			t.Fatalf("%d sockets after %v: %v; %+v", len(got.list), time.Since(start), got.err, ms.nodes[1].Stats())
		}
		ms.whole(t, got.list)
		time.Sleep(time.Hour)
		ms.close(t)
	})
}

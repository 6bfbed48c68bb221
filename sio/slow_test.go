package sio

import (
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/loop/looptest"
)

const (
	slowQueue   = 16 << 10
	slowTotal   = 6 * slowQueue
	slowTimeout = 4 * time.Second
)

// slowClient is a client in memory that reads nothing until it is asked to.
type slowClient struct {
	*Server
	t      *testing.T
	lt     *looptest.Loops
	conn   *looptest.Conn
	sid    string // over polling
	socket *Socket
	told   []SlowEvent
	most   int // bytes that waited at any time
	gone   chan Reason
	joined chan *Socket
}

// newSlowClient connects one; query is added to that of a WebSocket.
func newSlowClient(t *testing.T, policy SlowPolicy, polling bool, query ...string) *slowClient {
	f := &slowClient{
		t: t, gone: make(chan Reason, 10), joined: make(chan *Socket, 1),
		lt: looptest.New(t, looptest.WithMaxQueued(slowQueue), looptest.WithMaxQueuedTotal(slowTotal)),
	}
	var err error
	f.Server, err = New(Config{
		Loops: 1, MaxQueued: slowQueue, SlowTimeout: slowTimeout, SlowConsumer: policy, Logger: slog.New(slog.DiscardHandler),
		OnSlowConsumer: func(e SlowEvent) { f.told = append(f.told, e) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	f.OnConnection(func(s *Socket) {
		f.joined <- s
		s.client.Loop().PostFunc(func() {}) // wakes RunUntil
	})
	f.OnDisconnect(func(s *Socket, r Reason) { f.gone <- r })
	f.connect(polling, query...)
	return f
}

// another connects another client to the server of f.
func (f *slowClient) another(polling bool) *slowClient {
	c := *f
	c.sid = ""
	c.connect(polling)
	return &c
}

func (f *slowClient) connect(polling bool, query ...string) {
	f.conn = f.lt.Connect(f.eio.Accept)
	if polling {
		f.request("GET", "")
		_, rest, _ := strings.Cut(string(f.conn.Sent()), `0{"sid":"`)
		f.sid, _, _ = strings.Cut(rest, `"`)
		f.request("POST", "40")
	} else {
		f.conn.Feed([]byte(strings.Replace(upgradeRequest, " HTTP", strings.Join(query, "")+" HTTP", 1)))
		f.conn.Feed(eiotest.AppendText(nil, "40"))
	}
	f.lt.RunUntil(func() bool {
		select {
		case f.socket = <-f.joined:
			return true
		default:
			return false
		}
	})
	f.lt.Run()
	for f.Stats().HandlersRunning > 0 {
		runtime.Gosched() // what is emitted until then is held
	}
	f.read() // the CONNECT packet
	if !polling {
		f.conn.Block()
	}
}

// readSome lets the client read a little, over polling all that waits.
func (f *slowClient) readSome() {
	if f.sid != "" {
		f.read()
		return
	}
	f.conn.Unblock()
	f.conn.BlockAfter(slowQueue)
	f.lt.Run()
	f.conn.Sent()
}

func (f *slowClient) request(method, body string) {
	target := "/socket.io/?EIO=4&transport=polling"
	if f.sid != "" {
		target += "&sid=" + f.sid
	}
	f.conn.Feed(fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", method, target, len(body), body))
	f.lt.Run()
}

// read lets the client read all that waits, and returns the messages.
func (f *slowClient) read() (messages []string) {
	if f.sid != "" {
		f.conn.Sent()
		f.request("GET", "")
		_, body, _ := strings.Cut(string(f.conn.Sent()), "\r\n\r\n")
		return strings.Split(body, "\x1e")
	}
	f.conn.Unblock()
	f.lt.Run()
	for _, fr := range eiotest.Frames(f.t, f.conn.Sent()) {
		messages = append(messages, string(fr.Payload))
	}
	return messages
}

// numbers are the numbers of the events among messages; a binary event must be
// whole.
func (f *slowClient) numbers(messages []string) (list []int) {
	for i := 0; i < len(messages); i++ {
		m := messages[i]
		if !strings.HasPrefix(m, `42["e"`) && !strings.HasPrefix(m, `451-["e"`) {
			continue
		}
		if m[1] == '5' {
			i++
			if i == len(messages) || len(messages[i]) < 1000 {
				f.t.Fatalf("event %.30q without its attachment", m)
			}
		}
		text, _, _ := strings.Cut(m[strings.Index(m, `"e",`)+4:], ",")
		n, err := strconv.Atoi(text)
		if err != nil {
			f.t.Fatal(err)
		}
		list = append(list, n)
	}
	return list
}

// emit sends event n with a kilobyte of data, every third one binary.
func (f *slowClient) emit(n int, volatile bool) {
	to := f.To(f.socket.ID())
	if volatile {
		to = to.Volatile()
	}
	var data any = strings.Repeat("x", 1000)
	if n%3 == 0 {
		data = make([]byte, 1000)
	}
	if err := to.Emit("e", n, data); err != nil {
		f.t.Fatal(err)
	}
	f.lt.Run()
	f.most = max(f.most, f.socket.client.Queued())
}

func eachTransport(t *testing.T, run func(t *testing.T, polling bool)) {
	t.Run("websocket", func(t *testing.T) { run(t, false) })
	t.Run("polling", func(t *testing.T) { run(t, true) })
}

func TestSlowDisconnect(t *testing.T) {
	eachTransport(t, func(t *testing.T, polling bool) {
		f := newSlowClient(t, SlowDisconnect, polling)
		n := 0
		for ; f.socket.Connected() && n < 100; n++ {
			f.emit(3*n+1, false) // text alone
		}
		want := n - 1 // the last did not fit
		if r := <-f.gone; r != SlowConsumer {
			t.Errorf("the reason is %q", r)
		}
		if f.most > loop.HardBound*slowQueue+2000 || f.most < loop.HardBound*slowQueue*3/4 {
			t.Errorf("%d bytes waited", f.most)
		}
		// What was queued before can still be read.
		got := f.numbers(f.read())
		// An answer has MaxQueued at most.
		for polling && len(got) < want && len(got)%16 == 0 {
			got = append(got, f.numbers(f.read())...)
		}
		if len(got) != want || got[want-1] != 3*want-2 {
			t.Errorf("%v were read, want %d", got, want)
		}
		if polling {
			f.request("GET", "") // ends the session
		}
		if st := f.Stats(); st.SlowDisconnects != 1 || st.SlowDroppedNewest+st.SlowDroppedOldest != 0 || st.Clients != 0 {
			t.Errorf("%+v", st)
		}
		if len(f.told) != 1 || f.told[0].Did != SlowDisconnect || f.told[0].Conn != f.socket.Conn() {
			t.Errorf("told %+v", f.told)
		}
	})
}

// TestSlowBinaryIsWhole: where a binary event does not fit, nothing of it is
// sent, and all of it is counted, as is what is never read.
func TestSlowBinaryIsWhole(t *testing.T) {
	eachTransport(t, func(t *testing.T, polling bool) {
		f := newSlowClient(t, SlowDisconnect, polling)
		n := 0
		for ; f.socket.Connected() && n < 100; n++ {
			f.emit(3*n, false)
		}
		if d := f.lt.Stats().Discarded; d != 2 {
			t.Errorf("%d packets were discarded, want 2", d)
		}
		messages := f.read()
		want := int64(2)
		if polling {
			// An answer does not have them all.
			want += int64(2*(n-1) - len(messages))
		} else if got := f.numbers(messages); len(got) != n-1 {
			t.Errorf("%v were read, want %d", got, n-1)
		}
		f.lt.Advance(time.Minute)
		if d := f.lt.Stats().Discarded; d != want {
			t.Errorf("%d packets were discarded, want %d", d, want)
		}
	})
}

// TestSlowStalled: a client that takes nothing while more than MaxQueued waits
// is disconnected when SlowTimeout is over, and one that does is not.
func TestSlowStalled(t *testing.T) {
	eachTransport(t, func(t *testing.T, polling bool) {
		for _, reads := range []bool{false, true} {
			f := newSlowClient(t, SlowDisconnect, polling)
			n := 0
			fill := func() {
				for ; f.socket.client.Queued() < 3*slowQueue/2; n++ {
					f.emit(n, false)
				}
			}
			fill()
			for range 5 {
				f.lt.Advance(slowTimeout * 3 / 4)
				if reads {
					f.readSome()
					fill()
				}
			}
			if f.socket.Connected() != reads {
				t.Errorf("reads %v: connected %v", reads, f.socket.Connected())
			}
			if st := f.Stats(); (st.SlowDisconnects == 1) == reads || len(f.told) != int(st.SlowDisconnects) {
				t.Errorf("reads %v: %+v, told %v", reads, st, f.told)
			}
			if !reads {
				if r := <-f.gone; r != SlowConsumer {
					t.Errorf("the reason is %q", r)
				}
			}
		}
	})
}

// TestSlowBurst: what is emitted in one burst to a client that reads may be
// more than MaxQueued, and arrives by any policy.
func TestSlowBurst(t *testing.T) {
	eachTransport(t, func(t *testing.T, polling bool) {
		for policy := SlowDisconnect; policy <= SlowDropOldest; policy++ {
			f := newSlowClient(t, policy, polling)
			f.conn.Unblock()
			if polling {
				f.request("GET", "")
			}
			const events = 22 // over polling half are in the answer
			f.socket.client.Loop().PostFunc(func() {
				for n := range events {
					if err := f.To(f.socket.ID()).Emit("e", n, strings.Repeat("x", 1000)); err != nil {
						t.Error(err)
					}
				}
			})
			f.lt.Run()
			var got []int
			if polling {
				_, body, _ := strings.Cut(string(f.conn.Sent()), "\r\n\r\n")
				got = f.numbers(strings.Split(body, "\x1e"))
			}
			got = append(got, f.numbers(f.read())...)
			if len(got) != events || !slices.IsSorted(got) || len(f.told) != 0 {
				t.Errorf("%v: %v were read, told %+v", policy, got, f.told)
			}
		}
	})
}

// TestSlowTotal: when too much waits for all, the clients with the largest
// backlogs that read nothing are disconnected, until an eighth is free.
func TestSlowTotal(t *testing.T) {
	eachTransport(t, func(t *testing.T, polling bool) {
		f := newSlowClient(t, SlowDisconnect, polling)
		var others []*slowClient
		for range 9 {
			others = append(others, f.another(polling))
		}
		// Clients with 1 to 10 KB, the first of which has the largest backlog.
		for i, c := range append([]*slowClient{f}, others...) {
			for n := range 10 - i {
				c.emit(n, false)
			}
		}
		f.lt.Advance(2 * time.Second)
		if st := f.Stats(); st.SlowDisconnects != 0 {
			t.Fatalf("%+v", st)
		}
		for n := range 30 {
			others[8].emit(n, false)
		}
		if st := f.Stats(); st.SlowDisconnects != 1 || f.socket.Connected() == others[8].socket.Connected() {
			t.Errorf("%d were disconnected, the largest is connected: %v, the fastest growing: %v",
				st.SlowDisconnects, f.socket.Connected(), others[8].socket.Connected())
		}
	})
}

func TestSlowDropNewest(t *testing.T) {
	eachTransport(t, func(t *testing.T, polling bool) {
		f := newSlowClient(t, SlowDropNewest, polling)
		const events = 40
		for n := range events {
			f.emit(n, false)
		}
		// An answer, and what wants one, still have their place.
		if err := f.socket.sendAck(7, new(atomic.Bool), []any{"answer"}); err != nil {
			t.Fatal(err)
		}
		f.lt.Run()
		dropped := int(f.Stats().SlowDroppedNewest)
		messages := f.read()
		got := f.numbers(messages)
		want := make([]int, events-dropped)
		for n := range want {
			want[n] = n
		}
		if dropped < events/2 || !slices.Equal(got, want) {
			t.Errorf("%d were dropped, %v were read", dropped, got)
		}
		if !slices.Contains(messages, `437["answer"]`) {
			t.Error("the answer was dropped")
		}
		if f.most > slowQueue {
			t.Errorf("%d bytes waited", f.most)
		}
		if len(f.told) != dropped || f.told[0].Did != SlowDropNewest || f.told[0].Socket != f.socket || f.told[0].Dropped != 1 || f.told[0].Queued == 0 {
			t.Errorf("told %d times: %+v", len(f.told), f.told)
		}
		f.emit(events, false)
		if got := f.numbers(f.read()); !slices.Equal(got, []int{events}) {
			t.Errorf("%v were read later", got)
		}
	})
}

func TestSlowDropOldest(t *testing.T) {
	eachTransport(t, func(t *testing.T, polling bool) {
		f := newSlowClient(t, SlowDropOldest, polling)
		const events = 60
		reliable := []int{5, 30, 31}
		for n := range events {
			f.emit(n, !slices.Contains(reliable, n))
		}
		dropped := int(f.Stats().SlowDroppedOldest)
		got := f.numbers(f.read())
		if len(got)+dropped != events || len(got) < 4 || dropped < events/2 {
			t.Errorf("%d were dropped, %v were read", dropped, got)
		}
		if !slices.IsSorted(got) || !slices.Contains(got, events-1) {
			t.Errorf("%v were read", got)
		}
		for _, n := range reliable {
			if !slices.Contains(got, n) {
				t.Errorf("event %d, which is not volatile, was dropped: %v", n, got)
			}
		}
		// What waits is the newest, but for what may not be dropped.
		newest := slices.DeleteFunc(slices.Clone(got), func(n int) bool { return slices.Contains(reliable, n) })
		if first := newest[0]; len(newest) != events-first-count(reliable, first) {
			t.Errorf("the volatile ones that were read are not the newest: %v", newest)
		}
		if f.most > slowQueue {
			t.Errorf("%d bytes waited", f.most)
		}
		told := 0
		for _, e := range f.told {
			told += e.Dropped
		}
		if told != dropped || f.told[0].Did != SlowDropOldest {
			t.Errorf("told of %d: %+v", told, f.told)
		}
	})
}

// count is how many of list are n or more.
func count(list []int, n int) (c int) {
	for _, v := range list {
		if v >= n {
			c++
		}
	}
	return c
}

// TestSlowDropOldestGivesUp: what may not be dropped closes the connection, and
// where it fills the queue a volatile event is dropped.
func TestSlowDropOldestGivesUp(t *testing.T) {
	eachTransport(t, func(t *testing.T, polling bool) {
		f := newSlowClient(t, SlowDropOldest, polling)
		n := 0
		for room := true; room; n++ {
			if n == 100 {
				t.Fatal("there is always room")
			}
			f.emit(n, false)
			_, room = f.socket.client.MakeRoom(1000+slowQueue/headroomFraction, 1)
		}
		for range 5 {
			f.emit(n, true)
			n++
		}
		if st := f.Stats(); st.SlowDroppedNewest == 0 || st.SlowDisconnects != 0 {
			t.Errorf("%+v", st)
		}
		for range 60 {
			f.emit(n, false)
			n++
		}
		if r := <-f.gone; r != SlowConsumer {
			t.Errorf("the reason is %q", r)
		}
		if f.most > loop.HardBound*slowQueue+2000 {
			t.Errorf("%d bytes waited", f.most)
		}
	})
}

// TestSlowLarge: an event that is larger than MaxQueued reaches a client for
// which nothing waits, by any policy.
func TestSlowLarge(t *testing.T) {
	eachTransport(t, func(t *testing.T, polling bool) {
		for policy := SlowDisconnect; policy <= SlowDropOldest; policy++ {
			f := newSlowClient(t, policy, polling)
			if err := f.To(f.socket.ID()).Emit("e", 1, strings.Repeat("x", 2*slowQueue)); err != nil {
				t.Fatal(err)
			}
			f.lt.Run()
			if got := f.numbers(f.read()); !slices.Equal(got, []int{1}) || len(f.told) != 0 {
				t.Errorf("%v: %v were read, told %+v", policy, got, f.told)
			}
		}
	})
}

// TestSlowDropOldestInVain: a volatile event for which there can't be room
// costs none that wait.
func TestSlowDropOldestInVain(t *testing.T) {
	eachTransport(t, func(t *testing.T, polling bool) {
		f := newSlowClient(t, SlowDropOldest, polling)
		want := []int{0, 1, 2}
		for n := range want {
			f.emit(n, true)
		}
		if err := f.To(f.socket.ID()).Volatile().Emit("e", 3, strings.Repeat("x", slowQueue)); err != nil {
			t.Fatal(err)
		}
		f.lt.Run()
		got := f.numbers(f.read())
		if st := f.Stats(); st.SlowDroppedOldest != 0 || st.SlowDroppedNewest != 1 || !slices.Equal(got, want) {
			t.Errorf("%v were read, %d oldest and %d newest were dropped", got, st.SlowDroppedOldest, st.SlowDroppedNewest)
		}
	})
}

// TestSlowBase64: bytes in base64 are counted as they are sent.
func TestSlowBase64(t *testing.T) {
	f := newSlowClient(t, SlowDropNewest, false, "&b64=1")
	for n := range 10 {
		if err := f.To(f.socket.ID()).Emit("b", n, make([]byte, slowQueue/2-1000)); err != nil {
			t.Fatal(err)
		}
		f.lt.Run()
	}
	if st := f.Stats(); st.SlowDroppedNewest == 0 || st.SlowDisconnects != 0 {
		t.Errorf("%+v", st)
	}
}

// TestSlowVolatileAck: an event that asks for an acknowledgement does not wait.
func TestSlowVolatileAck(t *testing.T) {
	f := newSlowClient(t, SlowDropOldest, false)
	f.emit(0, false)
	done := make(chan error, 1)
	go func() {
		_, err := f.socket.Volatile().EmitAck(t.Context(), "question")
		done <- err
	}()
	f.lt.RunUntil(func() bool { return f.Stats().VolatileDropped == 1 })
	f.lt.Run()
}

func TestSlowConfig(t *testing.T) {
	for _, cfg := range []Config{
		{SlowConsumer: 3},
		{SlowConsumer: SlowDropNewest, ConnectionStateRecovery: &Recovery{}},
	} {
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), "Config.SlowConsumer is ") {
			t.Errorf("%v: %v", cfg.SlowConsumer, err)
		}
	}
}

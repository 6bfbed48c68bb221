package sio

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/loop/looptest"
	"github.com/sioserver/sioserver/loop/looptest/dice"
)

// recoverer is a client that keeps losing its connection. It knows a packet
// only once it is complete.
type recoverer struct {
	t                testing.TB
	sid, pid, offset string
	numbers          []int // the events that it got
	binary           bool  // an attachment is awaited
	event            []any
	welcome          bool // the CONNECT packet of this connection was read
}

// fail ends the client, on whatever goroutine it runs.
func (r *recoverer) fail(format string, args ...any) {
	r.t.Helper()
	r.t.Errorf(format, args...)
	runtime.Goexit()
}

// hello is what it sends when it has a connection.
func (r *recoverer) hello() []byte {
	r.binary, r.welcome = false, false
	if r.offset == "" {
		return eiotest.AppendText(nil, "40")
	}
	return eiotest.AppendText(nil, fmt.Sprintf(`40{"pid":%q,"offset":%q}`, r.pid, r.offset))
}

// read takes one frame.
func (r *recoverer) read(f eiotest.Frame) {
	r.t.Helper()
	text := string(f.Payload)
	switch {
	case f.Opcode() == eiotest.OpBinary:
		if !r.binary {
			r.fail("unexpected attachment: %v", f)
		}
		r.got()
	case r.binary:
		r.fail("got %q, want an attachment", text)
	case strings.HasPrefix(text, "40"):
		var reply struct{ SID, PID string }
		if err := json.Unmarshal(f.Payload[2:], &reply); err != nil {
			r.fail("%v", err)
		}
		if r.sid != "" && (reply.SID != r.sid || reply.PID != r.pid) {
			r.fail("not recovered: %s", text)
		}
		r.sid, r.pid, r.welcome = reply.SID, reply.PID, true
	case strings.HasPrefix(text, "42"), strings.HasPrefix(text, "451-"):
		if err := json.Unmarshal(f.Payload[strings.IndexByte(text, '['):], &r.event); err != nil {
			r.fail("%v", err)
		}
		if r.binary = text[1] == '5'; !r.binary {
			r.got()
		}
	}
}

// got notes a complete event.
func (r *recoverer) got() {
	r.binary = false
	r.numbers = append(r.numbers, int(r.event[1].(float64)))
	r.offset = r.event[len(r.event)-1].(string)
}

// TestRecoveryAtEveryBoundary has a server emit numbered events to all,
// to rooms that it puts the client into and takes it out of, and to the client
// alone, and cuts the connection after each number of packets, replayed ones,
// attachments and the CONNECT packet included. The client must get the numbers
// that were for it, each once and in order.
func TestRecoveryAtEveryBoundary(t *testing.T) {
	for _, run := range []bool{false, true} {
		t.Run(fmt.Sprintf("middlewares %v", run), func(t *testing.T) { cutEverywhere(t, run) })
	}
}

func cutEverywhere(t *testing.T, middlewares bool) {
	const loops, rounds, most = 3, 105, 40
	srv, err := New(Config{Loops: loops, ConnectionStateRecovery: &Recovery{RunMiddlewares: middlewares}})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	var current *Socket
	arrived := make(chan *Socket, 1)
	if middlewares {
		srv.Use(func(s *Socket) error { return nil })
	}
	srv.OnConnection(func(s *Socket) {
		arrived <- s
		s.client.Loop().PostFunc(func() {}) // wakes RunUntil
	})
	lt := looptest.New(t, looptest.WithLoops(loops))
	var want []int
	number, inRoom := 0, false
	emit := func() {
		number++
		mine := true
		var err error
		switch number % 7 {
		case 0:
			err = current.Emit("e", number)
		case 1:
			err = srv.Emit("e", number, []byte{1, 2, 3})
		case 2:
			err, mine = srv.To("room").Emit("e", number), inRoom
		case 3:
			err, mine = srv.Except("room").Emit("e", number), !inRoom
		case 4:
			err, mine = current.Broadcast().Emit("e", number), false
		case 5:
			if !inRoom {
				current.Join("room")
			} else {
				current.Leave("room")
			}
			if current.Connected() { // else it has stayed where it was
				inRoom = !inRoom
			}
			err = srv.To("room", current.ID()).Emit("e", number)
		default:
			err = srv.Emit("e", number)
		}
		if err != nil {
			t.Fatal(err)
		}
		if mine {
			want = append(want, number)
		}
	}
	r := &recoverer{t: t}
	life, cuts := 0, 0
	connect := func() *looptest.Conn {
		life++
		c := lt.ConnectTo(life%loops, srv.eio.Accept)
		c.Feed([]byte(upgradeRequest))
		lt.Run()
		c.Feed(r.hello())
		lt.RunUntil(func() bool {
			select {
			case current = <-arrived:
				return true
			default:
				return false
			}
		})
		return c
	}
	// The first life: the client gets its id.
	c := connect()
	emit()
	lt.Run()
	for _, f := range eiotest.Frames(t, c.Sent()) {
		r.read(f)
	}
	for round := range rounds {
		for cut := range most {
			for range round % 5 {
				emit() // before the loss is noticed
			}
			c.PeerClose()
			for range round % 7 {
				emit() // the server may have noticed
			}
			lt.Run()
			for range round % 3 {
				emit() // it has
			}
			c = connect()
			for range round % 4 {
				emit()
			}
			lt.Run()
			for i, f := range eiotest.Frames(t, c.Sent()) {
				if i > cut {
					break
				}
				r.read(f)
			}
			cuts++
		}
	}
	c.PeerClose()
	lt.Run()
	c = connect()
	for _, f := range eiotest.Frames(t, c.Sent()) {
		r.read(f)
	}
	if fmt.Sprint(r.numbers) != fmt.Sprint(want) {
		i := 0
		for i < min(len(want), len(r.numbers)) && want[i] == r.numbers[i] {
			i++
		}
		t.Errorf("after %d cuts: event %d of %d is wrong: got %v, want %v", cuts, i, len(want), r.numbers[i:min(i+5, len(r.numbers))], want[i:min(i+5, len(want))])
	}
	if st := srv.Stats().Recovery; int(st.Recovered) != life-1 || st.Failed != 0 {
		t.Errorf("%d lives: %+v", life, st)
	}
	t.Logf("%d cuts, %d events, %d replayed", cuts, len(want), srv.Stats().Recovery.Replayed)
}

// TestRecoveryUnderLoad does it over real connections, with several emitters
// and clients at once and cuts anywhere.
func TestRecoveryUnderLoad(t *testing.T) {
	const clients, emitters, cutsEach = 6, 3, 100
	srv, err := New(Config{Loops: 2, ConnectionStateRecovery: &Recovery{MaxBytes: 256 << 20, MaxPackets: 1 << 20}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := srv.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	cutUnderLoad(t, []*Server{srv}, clients, emitters, cutsEach, 200*time.Microsecond)
	t.Logf("%+v", srv.Stats().Recovery)
}

// cutUnderLoad has emitters on the servers send numbered events, one each pace,
// until all clients have lost their connections often enough, and checks what
// these got. An emitter waits for clients that are far behind, so that what
// they must catch up with does not grow on a busy machine.
func cutUnderLoad(t *testing.T, servers []*Server, clients, emitters, cutsEach int, pace time.Duration) {
	const ahead = 1000 // events, of all emitters together
	stop := make(chan struct{})
	var emitting, receiving, cutting sync.WaitGroup
	// The highest number that each client has.
	got := make([]atomic.Int64, clients)
	for i := range got {
		got[i].Store(math.MaxInt64) // none: the client has not connected yet
	}
	farAhead := func(number int) bool {
		for i := range got {
			if int64(number)-ahead > got[i].Load() {
				return true
			}
		}
		return false
	}
	for e := range emitters {
		srv := servers[e%len(servers)]
		emitting.Go(func() {
			for number := e; ; {
				select {
				case <-stop:
					// One that all clients know to be the last.
					if err := srv.Emit("e", -1-e); err != nil {
						t.Error(err)
					}
					return
				case <-time.After(pace):
				}
				if farAhead(number) {
					continue
				}
				if err := srv.Emit("e", number, []byte{byte(number)}); err != nil {
					t.Error(err)
				}
				number += emitters
			}
		})
	}
	for i := range clients {
		cutting.Add(1)
		done := sync.OnceFunc(cutting.Done)
		receiving.Go(func() {
			defer got[i].Store(math.MaxInt64)
			defer done() // also when it fails
			cutAnywhere(t, servers, cutsEach, &got[i], done, emitters)
		})
	}
	cutting.Wait()
	close(stop)
	emitting.Wait()
	receiving.Wait()
}

// cutAnywhere loses its connection many times, comes back to any of the
// servers, and waits for the last events in the end. It stores the highest
// number that it has read in got.
func cutAnywhere(t *testing.T, servers []*Server, cuts int, got *atomic.Int64, done func(), emitters int) {
	r, d := &recoverer{t: t}, dice.New(t)
	for life := range cuts + 1 {
		conn, err := net.Dial("tcp", servers[d.Int(len(servers))].Addr().String())
		if err != nil {
			t.Error(err)
			return
		}
		c := eiotest.NewConn(t, conn)
		if err := c.TryUpgrade(webSocket); err != nil {
			t.Errorf("life %d: %v", life, err)
			return
		}
		c.Write(r.hello())
		last := life == cuts
		if last {
			done()
		}
		for patience := d.Int(4000); last || r.offset == "" || patience > 0; {
			f, err := c.ReadFrame()
			if err != nil {
				t.Errorf("life %d: %v", life, err)
				return
			}
			patience -= len(f.Payload)
			r.read(f)
			if len(r.numbers) > 0 {
				got.Store(int64(slices.Max(r.numbers[max(0, len(r.numbers)-emitters):])))
			}
			if last && r.sawLast(emitters) {
				break
			}
		}
		conn.Close()
	}
	next := make([]int, emitters)
	for i := range next {
		next[i] = -1
	}
	for _, n := range r.numbers {
		e := n % emitters
		if n < 0 {
			e = -1 - n
			n = next[e] // the last one
		}
		if next[e] >= 0 && n != next[e] {
			t.Errorf("got %d of emitter %d, want %d", n, e, next[e])
			return
		}
		next[e] = n + emitters
	}
}

// sawLast reports whether the last event of each emitter came.
func (r *recoverer) sawLast(emitters int) bool {
	count := 0
	for _, n := range r.numbers[max(0, len(r.numbers)-1000):] {
		if n < 0 {
			count++
		}
	}
	return count == emitters
}

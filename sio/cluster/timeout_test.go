package cluster_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
)

// kinds runs a test over a bus that counts and one that does not.
func kinds(t *testing.T, test func(t *testing.T, w *network)) {
	for _, counting := range []bool{true, false} {
		t.Run(map[bool]string{true: "counter", false: "heartbeats"}[counting], func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, &network{counting: counting}) })
		})
	}
}

// deafTo makes a node receive no messages of these types.
func deafTo(uid string, types ...cluster.MessageType) func(to string, m *cluster.Message) bool {
	return func(to string, m *cluster.Message) bool { return to == uid && slices.Contains(types, m.Type) }
}

// incomplete checks an error of a request that one of two nodes has answered.
func incomplete(t *testing.T, err, want error) {
	t.Helper()
	var partial *cluster.ResponseError
	if !errors.As(err, &partial) || partial.Received != 1 || partial.Expected != 2 || !errors.Is(err, want) {
		t.Errorf("got %v, want %v with 1 response out of 2", err, want)
	}
}

// TestTimeout has one node of three not answer.
func TestTimeout(t *testing.T) {
	cause := errors.New("cause")
	for _, tc := range []struct {
		name string
		ctx  func(t *testing.T) (context.Context, context.CancelFunc)
		want error
		took time.Duration
	}{
		{"no deadline", func(t *testing.T) (context.Context, context.CancelFunc) { return t.Context(), func() {} },
			cluster.ErrTimeout, 5 * time.Second},
		{"deadline", func(t *testing.T) (context.Context, context.CancelFunc) {
			return context.WithTimeout(t.Context(), 20*time.Second)
		}, context.DeadlineExceeded, 20 * time.Second},
		{"cause", func(t *testing.T) (context.Context, context.CancelFunc) {
			return context.WithTimeoutCause(t.Context(), time.Second, cause)
		}, cause, time.Second},
		{"cancelled", func(t *testing.T) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			return ctx, cancel
		}, context.Canceled, time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			kinds(t, func(t *testing.T, w *network) {
				w.drop = deafTo("n2", cluster.FetchSockets, cluster.ServerSideEmit)
				ms := w.join(t, 3, cluster.Config{})
				n := ms.nodes[0]
				call := func(f func(ctx context.Context) error) {
					t.Helper()
					ctx, cancel := tc.ctx(t)
					defer cancel()
					start := time.Now()
					incomplete(t, f(ctx), tc.want)
					if took := time.Since(start); took != tc.took {
						t.Errorf("it took %v, want %v", took, tc.took)
					}
				}
				call(func(ctx context.Context) error {
					list, err := n.FetchSockets(ctx, adapter.Options{})
					if len(list) != 2 || list[0].ID != "n1a" {
						t.Errorf("sockets %v", list)
					}
					return err
				})
				call(func(ctx context.Context) error {
					count, err := n.CountSockets(ctx, adapter.Options{})
					if count != 2 {
						t.Errorf("%d sockets", count)
					}
					return err
				})
				call(func(ctx context.Context) error {
					answers, err := n.ServerSideEmitAck(ctx, adapter.Packet{Event: "ev"})
					if len(answers) != 1 || string(answers[0].Data) != `"n1"` {
						t.Errorf("answers %v", answers)
					}
					return err
				})
				if s := n.Stats(); s.Requests != 0 || s.Unknown != 0 {
					t.Errorf("%+v", s)
				}
				for id, kind := range map[string]cluster.MessageType{
					"n0-1": cluster.FetchSocketsResponse, "n0-3": cluster.ServerSideEmitResponse,
				} {
					w.inject("n0", cluster.Message{Type: kind, UID: "n2", To: "n0", RequestID: id})
				}
				if s := n.Stats(); s.Unknown != 2 {
					t.Errorf("%d late responses are known", s.Unknown)
				}
				ms.close(t)
			})
		})
	}
}

// TestAckTimeout has one node of three not tell its clients, and a client of
// another one not answer.
func TestAckTimeout(t *testing.T) {
	for _, deadline := range []bool{false, true} {
		kinds(t, func(t *testing.T, w *network) {
			w.drop = deafTo("n2", cluster.Broadcast)
			ms := w.join(t, 3, cluster.Config{})
			ms.locals[1].clients = append(ms.locals[1].clients, client{})
			n, ctx, want := ms.nodes[0], t.Context(), time.Minute
			if deadline {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, 10*time.Second)
				defer cancel()
				want = 10 * time.Second
			}
			start, c := time.Now(), newCollector()
			if err := n.BroadcastAck(ctx, adapter.Packet{Event: "q"}, adapter.Options{}, c); err != nil {
				t.Fatal(err)
			}
			c.start()
			answers, missing, complete := c.result(ctx)
			took := time.Since(start)
			// Without a deadline the node gives up: its own client, and one for
			// n2.
			wantMissing := map[bool]int{false: 2, true: 1}[deadline]
			if len(answers) != 4 || missing != wantMissing || complete == deadline || took != want {
				t.Errorf("after %v: answers %q, %d missing, %v", took, answers, missing, complete)
			}
			synctest.Wait()
			for i, n := range ms.nodes {
				if s := n.Stats(); s.Requests != 0 || s.Asked != 0 {
					t.Errorf("node %d: %+v", i, s)
				}
			}
			w.inject("n0", cluster.Message{Type: cluster.BroadcastClientCount, UID: "n2", RequestID: "n0-1", ClientCount: 1})
			if s := n.Stats(); s.Unknown != 1 {
				t.Errorf("a late number of clients is known: %+v", s)
			}
			ms.close(t)
		})
	}
}

// TestCancelledAck ends the context before anybody has answered.
func TestCancelledAck(t *testing.T) {
	kinds(t, func(t *testing.T, w *network) {
		ms := w.join(t, 2, cluster.Config{})
		ms.locals[1].clients = []client{{after: time.Second, answer: "late"}}
		ctx, cancel := context.WithCancel(t.Context())
		c := newCollector()
		if err := ms.nodes[0].BroadcastAck(ctx, adapter.Packet{Event: "q"}, adapter.Options{}, c); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if s := ms.nodes[0].Stats(); s.Requests != 1 {
			t.Errorf("%+v", s)
		}
		if s := ms.nodes[1].Stats(); s.Asked != 1 {
			t.Errorf("%+v", s)
		}
		cancel()
		time.Sleep(2 * time.Second)
		if s := ms.nodes[0].Stats(); s.Requests != 0 || s.Unknown != 1 {
			t.Errorf("%+v", s)
		}
		if s := ms.nodes[1].Stats(); s.Asked != 0 {
			t.Errorf("%+v", s)
		}
		ms.close(t)
	})
}

// TestAskedTimeout lets the time that another node gives pass on the answering
// side, which waits for as long as it is asked to, within its own limit.
func TestAskedTimeout(t *testing.T) {
	for _, tc := range []struct{ asked, want time.Duration }{
		{time.Second, time.Second}, {time.Hour, 30 * time.Second}, {0, 30 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := &network{counting: true}
			ms := w.join(t, 1, cluster.Config{AckTimeout: 30 * time.Second})
			ms.locals[0].clients = []client{{}, {gone: true, after: time.Millisecond}, {answer: "x"}}
			w.inject("n0", cluster.Message{Type: cluster.Broadcast, UID: "x", RequestID: "1", Timeout: tc.asked})
			time.Sleep(tc.want - 1)
			if s := ms.nodes[0].Stats(); s.Asked != 1 || s.Published != 2 {
				t.Errorf("%v before the end: %+v", tc.asked, s)
			}
			time.Sleep(2 * time.Nanosecond)
			if s := ms.nodes[0].Stats(); s.Asked != 0 {
				t.Errorf("%v after the end: %+v", tc.asked, s)
			}
			// All clients have answered or are gone: nothing is waited for.
			ms.locals[0].clients = []client{{answer: "x"}, {gone: true, after: 2}, {answer: "y", after: 1}}
			w.inject("n0", cluster.Message{Type: cluster.Broadcast, UID: "x", RequestID: "2", Timeout: tc.asked})
			time.Sleep(3 * time.Nanosecond)
			if s := ms.nodes[0].Stats(); s.Asked != 0 {
				t.Errorf("%v after all answers: %+v", tc.asked, s)
			}
			ms.close(t)
		})
	}
}

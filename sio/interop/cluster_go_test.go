package interop

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
	"github.com/sioserver/sioserver/sio/adapter"
)

// goMember is a server in this process with the calls of those in cluster.mjs.
type goMember struct {
	title string
	srv   *sio.Server
	at    string
	inbox *inbox
	mute  bool // see cluster.mjs
}

func (m *goMember) name() string   { return m.title }
func (m *goMember) url() string    { return m.at }
func (m *goMember) events() *inbox { return m.inbox }

// serveMember starts a server that is a member of a cluster by its adapter.
func serveMember(t *testing.T, name string, mute bool, cfg sio.Config, connect func(local adapter.Local) adapter.Adapter) *goMember {
	t.Helper()
	m := &goMember{title: name, inbox: newInbox(), mute: mute}
	cfg.Loops, cfg.Adapter = 2, connect
	m.srv, m.at = serve(t, cfg, func(srv *sio.Server) {
		for _, ns := range []*sio.Namespace{srv.Of("/"), srv.Of("/chat")} {
			ns.OnConnection(func(s *sio.Socket) {
				var auth struct{ Data any }
				if err := s.Handshake().BindAuth(&auth); err != nil {
					t.Errorf("auth: %v", err)
				}
				s.SetData(auth.Data)
			})
			for _, event := range []string{"note", "ask", "half"} {
				ns.OnServerEvent(event, func(e *sio.ServerEvent) { m.hear(t, ns, e) })
			}
		}
	})
	return m
}

// hear reports an event of another server.
func (m *goMember) hear(t *testing.T, ns *sio.Namespace, e *sio.ServerEvent) {
	args, err := values(e.RawArgs)
	if err != nil {
		t.Errorf("server event %s: %v", e.Name(), err)
	}
	m.inbox.add(report{
		Client: m.title, Is: "server event", Text: e.Name(), Args: packed(append([]any{ns.Name()}, args...)...),
	})
	if e.WantsAck() && !(m.mute && e.Name() == "half") {
		if err := e.Ack(map[string]any{"by": m.title, "asked": args}); err != nil {
			t.Errorf("server event %s: %v", e.Name(), err)
		}
	}
}

func (m *goMember) start(c call) func() outcome {
	return begin(func() ([]json.RawMessage, error) { return m.call(c) })
}

// begin carries out a call on its own goroutine.
func begin(call func() ([]json.RawMessage, error)) func() outcome {
	done := make(chan outcome, 1)
	go func() {
		args, err := call()
		o := outcome{args: args}
		if err != nil {
			o.err = err.Error()
		}
		done <- o
	}()
	return func() outcome {
		select {
		case o := <-done:
			return o
		case <-time.After(wait.Patience):
			return outcome{err: "the call does not return"}
		}
	}
}

// call carries out c.
func (m *goMember) call(c call) ([]json.RawMessage, error) {
	ns := m.srv.Of(cmp.Or(c.Namespace, "/"))
	ctx := context.Background()
	to := aim(ns, c.Target)
	args := unpack(c.Args).([]any)
	switch c.Method {
	case "emit":
		return packed(nil), to.Emit(args[0].(string), args[1:]...)
	case "emitAck":
		answers, err := to.EmitAck(ctx, args[0].(string), args[1:]...)
		return firsts(answers), err
	case "fetch":
		sockets, err := to.FetchSockets(ctx)
		list := []json.RawMessage{}
		for _, s := range sockets {
			list = append(list, packed(map[string]any{"id": s.ID(), "rooms": s.Rooms(), "data": s.Data(), "handshake": s.Handshake()})...)
		}
		return list, err
	case "count":
		n, err := to.CountSockets(ctx)
		return packed(n), err
	case "join":
		return packed(nil), to.SocketsJoin(texts(args)...)
	case "leave":
		return packed(nil), to.SocketsLeave(texts(args)...)
	case "disconnect":
		return packed(nil), to.DisconnectSockets(args[0].(bool))
	case "serverSideEmit":
		return packed(nil), ns.ServerSideEmit(args[0].(string), args[1:]...)
	case "serverSideEmitAck":
		ctx, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
		defer cancel()
		answers, err := ns.ServerSideEmitAck(ctx, args[0].(string), args[1:]...)
		return firsts(answers), err
	}
	return nil, fmt.Errorf("unknown method %q", c.Method)
}

// aim narrows a namespace down to a target.
func aim(ns *sio.Namespace, t target) sio.BroadcastOperator {
	to := ns.To(t.Rooms...).Except(t.Except...)
	if t.Volatile {
		to = to.Volatile()
	}
	if t.Local {
		to = to.Local()
	}
	if t.Compress != nil {
		to = to.Compress(*t.Compress)
	}
	return to.Timeout(time.Duration(t.Timeout) * time.Millisecond)
}

// firsts returns the first argument of each answer.
func firsts(answers []sio.RawArgs) []json.RawMessage {
	list := []json.RawMessage{}
	for _, a := range answers {
		args, err := values(a)
		if err == nil && len(args) == 0 {
			err = errors.New("no argument")
		}
		if err != nil {
			args = []any{"invalid answer: " + err.Error()}
		}
		list = append(list, packed(args[0])...)
	}
	return list
}

func texts(list []any) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = v.(string)
	}
	return out
}

package interop

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"

	"github.com/sioserver/sioserver/sio/emitter"
)

// goEmitter is an emitter in this process that does what those in cluster.mjs
// do.
type goEmitter struct {
	title string
	main  *emitter.Emitter
}

func (m *goEmitter) name() string   { return m.title }
func (m *goEmitter) url() string    { return "" }
func (m *goEmitter) events() *inbox { return nil }

func (m *goEmitter) start(c call) func() outcome {
	return begin(func() ([]json.RawMessage, error) { return packed(nil), m.call(c) })
}

// call does what c says.
func (m *goEmitter) call(c call) error {
	of := m.main.Of(cmp.Or(c.Namespace, "/"))
	ctx, args := context.Background(), unpack(c.Args).([]any)
	to := of.To(c.Target.Rooms...).Except(c.Target.Except...)
	if c.Target.Volatile {
		to = to.Volatile()
	}
	if c.Target.Compress != nil {
		to = to.Compress(*c.Target.Compress)
	}
	switch c.Method {
	case "emit":
		return to.Emit(ctx, args[0].(string), args[1:]...)
	case "join":
		return to.SocketsJoin(ctx, texts(args)...)
	case "leave":
		return to.SocketsLeave(ctx, texts(args)...)
	case "disconnect":
		return to.DisconnectSockets(ctx, args[0].(bool))
	case "serverSideEmit":
		return of.ServerSideEmit(ctx, args[0].(string), args[1:]...)
	}
	return fmt.Errorf("an emitter has no method %q", c.Method)
}

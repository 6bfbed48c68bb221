package sio_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
	"github.com/sioserver/sioserver/sio/adapter"
)

// repeating is an adapter that has each broadcast delivered twice.
type repeating struct {
	adapter.Adapter
	local adapter.Local
}

func (a repeating) Broadcast(p adapter.Packet, o adapter.Options) error {
	if err := a.local.Broadcast(p, o); err != nil {
		return err
	}
	return a.local.Broadcast(p, o)
}

// TestAdapterRepeats: what is prepared for this server's clients serves an
// adapter that hands it on more than once, too.
func TestAdapterRepeats(t *testing.T) {
	for name, recovery := range map[string]*sio.Recovery{"": nil, "with recovery": {}} {
		t.Run(name, func(t *testing.T) {
			f := serve(t, sio.Config{ConnectionStateRecovery: recovery, Adapter: func(l adapter.Local) adapter.Adapter {
				return repeating{new(bus).connect(l), l}
			}}, nil)
			w := f.dial(t)
			w.send("40")
			w.recv()
			wait.For(t, "connection", f.connected)
			for i := range 3 {
				if err := f.Emit("e", i); err != nil {
					t.Fatal(err)
				}
			}
			for i := range 6 {
				if got, want := w.recv(), fmt.Sprintf(`42["e",%d`, i/2); !strings.HasPrefix(got, want) {
					t.Errorf("got %s, want %s", got, want)
				}
			}
		})
	}
}

package eio_test

import (
	"testing"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/eio/eiotest"
)

// TestFullQueueUpgrades fills the queue of a polling session with binary
// packets and has it upgrade to a WebSocket that takes them as base64: they
// must fit there, too.
func TestFullQueueUpgrades(t *testing.T) {
	for name, query := range map[string]string{"protocol 4": "&EIO=4", "protocol 3": "&EIO=3&b64=1"} {
		t.Run(name, func(t *testing.T) {
			s := start(t, eio.Config{AllowEIO3: true})
			r := eiotest.Get(t, s.url+"?transport=polling"+query)
			if r.Status != 200 {
				t.Fatalf("handshake: %+v", r)
			}
			ses := eiotest.Receive(t, s.opened)
			sent := make(chan int)
			ses.Loop().PostFunc(func() {
				for n := 0; ; n++ {
					p := eio.NewEncodedPacket(true)
					p.End(append(p.Begin(), make([]byte, 1<<20)...))
					_, fits := ses.MakeRoom(ses.SizeOf(p), 1)
					if fits {
						ses.Send(p)
					}
					p.Release()
					if !fits {
						sent <- n
						return
					}
				}
			})
			n := eiotest.Receive(t, sent)
			if n < 10 {
				t.Errorf("only %d packets of 1 MiB wait", n)
			}
			c := eiotest.Dial(t, s.addr, s.target("?transport=websocket&b64=1"+query+"&sid="+ses.ID()))
			c.Text("2probe")
			c.Expect("3probe")
			c.Text("5", "4hello")
			for range n {
				if f := c.Next(); f.Opcode() != 1 || f.Payload[0] != 'b' {
					t.Fatalf("got a frame of opcode %d and %d bytes", f.Opcode(), len(f.Payload))
				}
			}
			c.Expect("4hello")
		})
	}
}

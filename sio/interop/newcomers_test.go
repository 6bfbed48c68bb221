package interop

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

// floodHandshakes opens polling sessions over one connection from an address,
// as fast as it can until ctx is done, and joins nothing.
func floodHandshakes(ctx context.Context, t *testing.T, from, url string) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c, err := dialer.DialContext(ctx, "tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Error(err)
		return
	}
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	const pipelined = 200
	requests := strings.Repeat("GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n", pipelined)
	answers := bufio.NewReader(c)
	for ctx.Err() == nil {
		_, err := io.WriteString(c, requests)
		for i := 0; i < pipelined && err == nil; i++ {
			var answer *http.Response
			if answer, err = http.ReadResponse(answers, nil); err == nil {
				_, err = io.Copy(io.Discard, answer.Body)
			}
		}
		if err != nil && ctx.Err() == nil {
			t.Errorf("the flood has ended: %v", err)
			return
		}
	}
}

// TestHandshakesDoNotKeepAnyoneOut opens sessions that join nothing, as fast as
// four connections can. Stock clients connect at the same time. All settings
// are defaults.
func TestHandshakesDoNotKeepAnyoneOut(t *testing.T) {
	srv, url := serve(t, sio.Config{}, func(srv *sio.Server) {
		sio.OnAck(srv, "ping", func(_ context.Context, _ *sio.Socket, i int) (int, error) { return i, nil })
	})
	d := newDriver(t)
	early := d.join("early", url, nil)
	ctx, cancel := context.WithCancel(context.Background())
	var flood sync.WaitGroup
	for range 4 {
		flood.Go(func() { floodHandshakes(ctx, t, "127.0.0.2", url) })
	}
	defer flood.Wait()
	defer cancel()
	// 33,768 handshakes of 2 ms each, on a machine with a load of 36.
	wait.UntilWithin(t, 3*wait.Patience, "the bound is reached", func() bool { return srv.Stats().UnjoinedEvicted >= 1000 })
	for i := range 3 {
		for _, transport := range []string{"polling", "websocket"} {
			c := d.open(fmt.Sprint(transport, i), url, map[string]any{"transports": []string{transport}, "reconnection": false, "forceNew": true})
			c.expect("connect")
			same(t, c.ask("ping", i), []any{i})
		}
	}
	same(t, early.ask("ping", 1), []any{1})
	if st := srv.Stats(); st.Unjoined > 2*32768 || st.Clients > st.Unjoined+20 {
		t.Errorf("%d of %d clients have joined nothing", st.Unjoined, st.Clients)
	}
}

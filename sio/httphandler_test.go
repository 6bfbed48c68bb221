package sio_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

// TestHandlerStreams: server-sent events and sockets come from one port.
func TestHandlerStreams(t *testing.T) {
	events, left := make(chan string), make(chan struct{})
	f := serve(t, sio.Config{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.(http.Flusher).Flush()
		for {
			select {
			case text := <-events:
				fmt.Fprintf(w, "data: %s\n", text)
				w.(http.Flusher).Flush()
			case <-r.Context().Done():
				close(left)
				return
			}
		}
	})}, func(f *fixture) {
		sio.On(f.Server, "say", func(_ context.Context, _ *sio.Socket, text string) error {
			events <- text
			return nil
		})
	})
	response, err := http.Get("http://" + f.addr + "/events")
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(response.Body)
	w := f.join(t)
	for _, text := range []string{"a", "b"} {
		w.send(`42["say","` + text + `"]`)
		if line, err := lines.ReadString('\n'); line != "data: "+text+"\n" {
			t.Errorf("got %q, %v", line, err)
		}
	}
	if got, want := f.Stats().Handler, (eio.FallbackStats{Connections: 1}); got != want {
		t.Errorf("Stats().Handler is %+v, want %+v", got, want)
	}
	response.Body.Close()
	wait.For(t, "the end of the stream", left)
	wait.Until(t, "no connection is with the handler", func() bool { return f.Stats().Handler == eio.FallbackStats{} })
}

// TestShutdownWaitsForHandler: Shutdown lets an answer be finished, and ends a
// stream when its context ends.
func TestShutdownWaitsForHandler(t *testing.T) {
	for _, ends := range []bool{true, false} {
		t.Run(fmt.Sprint("the handler ends ", ends), func(t *testing.T) {
			entered, finish := make(chan struct{}), make(chan struct{})
			f := serve(t, sio.Config{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.(http.Flusher).Flush()
				close(entered)
				select {
				case <-finish:
					io.WriteString(w, "all of it")
				case <-r.Context().Done():
				}
			})}, nil)
			answer := make(chan string, 1)
			go func() {
				response, err := http.Get("http://" + f.addr)
				if err != nil {
					answer <- err.Error()
					return
				}
				defer response.Body.Close()
				b, err := io.ReadAll(response.Body)
				answer <- fmt.Sprintf("%s %v", b, err)
			}()
			wait.For(t, "the handler", entered)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			shut := make(chan error, 1)
			go func() { shut <- f.Shutdown(ctx) }()
			wait.For(t, "the end of the loops", f.LoopsEnded())
			select {
			case err := <-shut:
				t.Errorf("Shutdown returned %v", err)
			default:
			}
			want := "all of it <nil>"
			if ends {
				close(finish)
			} else {
				cancel()
				want = " unexpected EOF"
			}
			if got := wait.For(t, "the answer", answer); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			err := wait.For(t, "the end of Shutdown", shut)
			if ended := err == nil; ended != ends || !ended && !errors.Is(err, context.Canceled) {
				t.Errorf("Shutdown: %v", err)
			}
		})
	}
}

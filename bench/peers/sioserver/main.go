// Command sioserver serves this repository's sio package for the benchmark harness; see ../README.md.
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/metrics"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/sio"
)

func main() {
	inline := flag.Bool("inline", false, "run the handlers on the event loop")
	keep := flag.Bool("keep-request", false, "keep each client's handshake request")
	by := flag.String("adapter", "", "join other servers through the Redis of the environment variable REDIS_URL: pubsub, sharded or streams")
	deflate := flag.Bool("deflate", false, "compress WebSocket messages of 64 bytes and more")
	flag.Parse()
	cfg := sio.Config{DiscardRequest: !*keep, NoClient: true}
	if *deflate {
		cfg.PerMessageDeflate = &eio.PerMessageDeflate{Threshold: 64}
	}
	if *by != "" {
		joined, err := join(*by, os.Getenv("REDIS_URL"))
		if err != nil {
			fmt.Fprintln(os.Stderr, "Error:", err)
			os.Exit(1)
		}
		cfg.Adapter = joined
	}
	if err := serve(cfg, *inline); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

func serve(cfg sio.Config, inline bool) error {
	server, err := sio.New(cfg)
	if err != nil {
		return err
	}
	var options []sio.HandlerOption
	if inline {
		options = append(options, sio.Inline())
	}
	sio.OnAck(server, "echo", func(_ context.Context, _ *sio.Socket, text string) (string, error) {
		return text, nil
	}, options...)
	sio.OnAck(server, "join", func(_ context.Context, s *sio.Socket, room string) (sio.None, error) {
		s.Join(room)
		return sio.None{}, nil
	}, options...)
	sio.On(server, "broadcast", func(_ context.Context, s *sio.Socket, payload string) error {
		return server.Emit("message", payload)
	}, options...)
	sio.On(server, "binary", func(_ context.Context, s *sio.Socket, payload string) error {
		return server.Emit("message", []byte(payload))
	}, options...)
	sio.On(server, "room", func(_ context.Context, s *sio.Socket, to sio.Args2[string, string]) error {
		return server.To(to.A).Emit("message", to.B)
	}, options...)
	if err := server.Listen("127.0.0.1:" + os.Getenv("PORT")); err != nil {
		return err
	}
	go answerFigures()
	return server.Serve()
}

// answerFigures answers the harness's questions about the heap.
func answerFigures() {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	for questions := bufio.NewScanner(os.Stdin); questions.Scan(); {
		if questions.Text() == "live" {
			runtime.GC()
		}
		metrics.Read(sample)
		fmt.Printf("{\"heap_used\":%d}\n", sample[0].Value.Uint64())
	}
}

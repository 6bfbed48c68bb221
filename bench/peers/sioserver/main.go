//go:build linux

// Command sioserver serves this repository's sio package for the benchmark
// harness; see ../README.md.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"regexp"
	"strings"
	"syscall"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/sio"
)

func main() {
	inline := flag.Bool("inline", false, "run the handlers on the event loop")
	keep := flag.Bool("keep-request", false, "keep each client's handshake request")
	by := flag.String("adapter", "", "join other servers through the Redis of the environment variable REDIS_URL: pubsub, sharded or streams")
	deflate := flag.Bool("deflate", false, "compress WebSocket messages of 64 bytes and more")
	var with features
	flag.BoolVar(&with.dynamic, "dynamic", false, "serve every namespace whose name begins with /dynamic-")
	flag.BoolVar(&with.nethttp, "nethttp", false, "serve through a server of net/http")
	flag.BoolVar(&with.secure, "tls", false, "serve through a server of net/http, and at a second port with TLS and HTTP/2")
	flag.BoolVar(&with.msgpack, "msgpack", false, "serve a second server, below /msgpack/, whose packets are MessagePack")
	forward := flag.Bool("forward", false, "pass requests for sessions of other nodes on to them")
	eio3 := flag.Bool("eio3", false, "serve clients of protocol 3 too")
	flag.BoolVar(&with.control, "control", false, "take the orders of the harness's scenarios with slow links")
	flag.IntVar(&with.data, "data", 0, "bytes that each socket has as its data")
	recovery := flag.Bool("recovery", false, "give clients that come back their sockets and what they have missed")
	recoveryTime := flag.Duration("recovery-time", 0, "how long a client may be gone with -recovery, if not 0")
	maxLen := flag.Int64("maxlen", 0, "how many entries a stream keeps, if not 0")
	files := flag.Uint64("files", 0, "how many files may be open, if not 0")
	flag.Parse()
	if *files > 0 {
		limit := syscall.Rlimit{Cur: *files, Max: *files}
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
			fmt.Fprintln(os.Stderr, "Error:", err)
			os.Exit(1)
		}
	}
	cfg := sio.Config{DiscardRequest: !*keep, NoClient: true, AllowEIO3: *eio3}
	if *forward {
		with.nodes = &nodes{}
		cfg.Forwarding = &eio.Forwarding{Directory: with.nodes}
	}
	if *deflate {
		cfg.PerMessageDeflate = &eio.PerMessageDeflate{Threshold: 64}
	}
	if *recovery {
		cfg.ConnectionStateRecovery = &sio.Recovery{MaxDisconnectionDuration: *recoveryTime}
	}
	if *by != "" {
		joined, err := join(*by, os.Getenv("REDIS_URL"), *maxLen)
		if err != nil {
			fmt.Fprintln(os.Stderr, "Error:", err)
			os.Exit(1)
		}
		cfg.Adapter, with.cluster = joined.adapter, joined.stats
	}
	if err := serve(cfg, *inline, with); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

// features are what a scenario can need beyond the events of every server.
type features struct {
	dynamic, nethttp, secure, msgpack, control bool

	data    int
	cluster func() any // figures of the adapter, nil without one
	nodes   *nodes     // nil without forwarding
}

func serve(cfg sio.Config, inline bool, with features) error {
	server, err := sio.New(cfg)
	if err != nil {
		return err
	}
	var options []sio.HandlerOption
	if inline {
		options = append(options, sio.Inline())
	}
	register(server, options...)
	if with.dynamic {
		server.OfPattern(regexp.MustCompile("^/dynamic-"))
	}
	asked := answerer{server: server, cluster: with.cluster, nodes: with.nodes}
	if with.msgpack {
		cfg.Path, cfg.Parser = "/msgpack/", sio.MessagePack()
		if asked.packed, err = sio.New(cfg); err != nil {
			return err
		}
		register(asked.packed, options...)
		if err := server.Attach(asked.packed); err != nil {
			return err
		}
	}
	if with.data > 0 {
		data := map[string]string{"data": strings.Repeat("x", with.data)}
		server.OnConnection(func(s *sio.Socket) {
			if err := s.SetData(data); err != nil {
				fmt.Fprintln(os.Stderr, "Error:", err)
			}
		})
	}
	if with.control {
		if asked.control, err = startControl(server); err != nil {
			return err
		}
	}
	var secure net.Listener
	if with.secure {
		if secure, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return err
		}
		asked.secure = secure.Addr().String()
	}
	go asked.answer(os.Stdin)
	address := "127.0.0.1:" + os.Getenv("PORT")
	switch {
	case with.secure:
		return serveSecure(server, address, secure)
	case with.nethttp:
		return serveHTTP(server, address)
	}
	if err := server.Listen(address); err != nil {
		return err
	}
	return server.Wait()
}

// register registers the events of every server, and those whose handlers take
// their time.
func register(server *sio.Server, options ...sio.HandlerOption) {
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
	registerSlow(server)
	registerSoak(server)
}

package sio_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"strings"
	"testing/fstest"
	"time"

	"github.com/sioserver/sioserver/sio"
)

// A chat for those who know the token: what one says, the others in the lobby
// hear. It is the README's server, driven by the tests' client.
func Example() {
	srv, err := sio.New(sio.Config{})
	if err != nil {
		log.Fatal(err)
	}
	srv.Use(func(s *sio.Socket) error {
		var auth struct{ Token string }
		if err := s.Handshake().BindAuth(&auth); err != nil || auth.Token != "secret" {
			return errors.New("not authorized")
		}
		return nil
	})
	srv.OnConnection(func(s *sio.Socket) {
		s.Join("lobby")
		s.Emit("welcome", "to the lobby")
	})
	sio.On(srv, "chat", func(_ context.Context, s *sio.Socket, text string) error {
		return s.To("lobby").Emit("chat", s.ID(), text)
	})
	if err := srv.Listen("127.0.0.1:0"); err != nil { // your program: ":3000"
		log.Fatal(err)
	}

	f := &fixture{Server: srv, addr: srv.Addr().String()}
	stranger, ada, bob := f.dial(new(exampleTB)), f.dial(new(exampleTB)), f.dial(new(exampleTB))
	for _, client := range []*ws{stranger, ada, bob} {
		// Not before, when the collector finds it unused.
		defer client.conn.Close()
	}
	stranger.send(`40{"token":"guess"}`)
	fmt.Println("stranger:", stranger.recv())
	ada.send(`40{"token":"secret"}`)
	id := connectReply(new(exampleTB), "/", ada.recv())
	fmt.Println("ada:", ada.recv())
	bob.send(`40{"token":"secret"}`)
	connectReply(new(exampleTB), "/", bob.recv())
	fmt.Println("bob:", bob.recv())
	ada.send(`42["chat","hello"]`)
	fmt.Println("bob:", strings.Replace(bob.recv(), id, "ada's id", 1))

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	fmt.Println("shutdown:", srv.Shutdown(ctx))
	// Output:
	// stranger: 44{"message":"not authorized"}
	// ada: 42["welcome","to the lobby"]
	// bob: 42["welcome","to the lobby"]
	// bob: 42["chat","ada's id","hello"]
	// shutdown: <nil>
}

// serveExample starts a server for an example.
func serveExample(setup func(server *sio.Server)) *sio.Server {
	server, err := sio.New(sio.Config{})
	if err != nil {
		log.Fatal(err)
	}
	setup(server)
	if err := server.Listen("127.0.0.1:0"); err != nil {
		log.Fatal(err)
	}
	return server
}

// visit connects a client to "/", sends messages, and prints the next ones that
// it gets.
func visit(server *sio.Server, receive int, send ...string) {
	t := new(exampleTB)
	f := &fixture{Server: server, addr: server.Addr().String()}
	w := f.join(t)
	defer w.conn.Close()
	w.send(send...)
	for range receive {
		fmt.Println(w.recv())
	}
}

func ExampleOn() {
	type Point struct{ X, Y int }
	server := serveExample(func(server *sio.Server) {
		sio.On(server, "move", func(ctx context.Context, s *sio.Socket, to Point) error {
			return s.Emit("moved", to.X+to.Y)
		})
	})
	defer server.Close()
	visit(server, 1, `42["move",{"x":1,"y":2}]`)
	// Output: 42["moved",3]
}

// Several arguments, binary ones among them.
func ExampleArgs2() {
	server := serveExample(func(server *sio.Server) {
		sio.On(server, "upload", func(ctx context.Context, s *sio.Socket, file sio.Args2[string, []byte]) error {
			return s.Emit("stored", file.A, len(file.B))
		})
	})
	defer server.Close()
	visit(server, 1, `451-["upload","a.png",{"_placeholder":true,"num":0}]`, "b:89504e47")
	// Output: 42["stored","a.png",4]
}

func ExampleOnAck() {
	server := serveExample(func(server *sio.Server) {
		sio.OnAck(server, "upper", func(ctx context.Context, s *sio.Socket, text string) (string, error) {
			return strings.ToUpper(text), nil
		})
	})
	defer server.Close()
	visit(server, 1, `427["upper","hello"]`)
	// Output: 437["HELLO"]
}

func ExampleEmitAck() {
	answers := make(chan string, 1)
	server := serveExample(func(server *sio.Server) {
		server.OnConnection(func(s *sio.Socket) {
			ctx, cancel := context.WithTimeout(s.Context(), 5*time.Second)
			defer cancel()
			age, err := sio.EmitAck[int](ctx, s, "how old are you?")
			answers <- fmt.Sprint(age, " ", err)
		})
	})
	defer server.Close()

	f := &fixture{Server: server, addr: server.Addr().String()}
	client := f.join(new(exampleTB))
	defer client.conn.Close()
	fmt.Println(client.recv())
	client.send(`430[42]`)
	fmt.Println(<-answers)
	// Output:
	// 420["how old are you?"]
	// 42 <nil>
}

func ExampleNamespace_To() {
	server := serveExample(func(server *sio.Server) {
		server.OnConnection(func(s *sio.Socket) {
			s.Join("news", "sports")
			server.To("news").Emit("headline", "for the room")
			server.To("news").Except("sports").Emit("headline", "not for this client")
			server.To(s.ID()).Emit("headline", "for one socket")
		})
	})
	defer server.Close()
	visit(server, 2)
	// Output:
	// 42["headline","for the room"]
	// 42["headline","for one socket"]
}

func ExampleServer_Of() {
	server := serveExample(func(server *sio.Server) {
		admin := server.Of("/admin")
		sio.On(admin, "restart", func(ctx context.Context, s *sio.Socket, _ sio.None) error {
			return admin.Emit("restarting")
		})
	})
	defer server.Close()
	fmt.Println(server.Of("admin").Name())
	// Output: /admin
}

func ExampleNamespace_Use() {
	server := serveExample(func(server *sio.Server) {
		server.Use(func(s *sio.Socket) error {
			var auth struct{ Token string }
			if err := s.Handshake().BindAuth(&auth); err != nil {
				return err
			}
			if auth.Token != "secret" {
				return &sio.ConnectError{Message: "not authorized", Data: map[string]int{"code": 401}}
			}
			return nil
		})
	})
	defer server.Close()
	f := &fixture{Server: server, addr: server.Addr().String()}
	w := f.dial(new(exampleTB))
	defer w.conn.Close()
	w.send(`40{"token":"guess"}`)
	fmt.Println(w.recv())
	// Output: 44{"message":"not authorized","data":{"code":401}}
}

// An inline handler runs on the event loop: it is the fastest kind, and must
// not block.
func ExampleInline() {
	server := serveExample(func(server *sio.Server) {
		server.On("ping", func(ctx context.Context, e *sio.Event) error {
			return e.Ack(e.Len())
		}, sio.Inline())
	})
	defer server.Close()
	visit(server, 1, `420["ping",1,2]`)
	// Output: 430[2]
}

// A handler sends a file in pieces, as fast as the client reads it. Without
// Flush a large one would wait in memory, and beyond Config.MaxQueued the
// client would be taken for one that reads too slowly.
func ExampleSocket_Flush() {
	server := serveExample(func(server *sio.Server) {
		sio.On(server, "download", func(ctx context.Context, s *sio.Socket, name string) error {
			// Your program: os.Open.
			file := strings.NewReader("what is called " + name)
			for piece := make([]byte, 8); ; {
				n, err := file.Read(piece)
				if err == io.EOF {
					return s.Emit("end", name)
				}
				if err != nil {
					return err
				}
				if err := s.Emit("piece", string(piece[:n])); err != nil {
					return err
				}
				if err := s.Flush(ctx); err != nil {
					return err
				}
			}
		})
	})
	defer server.Close()
	visit(server, 4, `42["download","a.txt"]`)
	// Output:
	// 42["piece","what is "]
	// 42["piece","called a"]
	// 42["piece",".txt"]
	// 42["end","a.txt"]
}

func ExampleSocket_Disconnect() {
	reasons := make(chan sio.Reason, 1)
	server := serveExample(func(server *sio.Server) {
		server.OnConnection(func(s *sio.Socket) { s.Disconnect(false) })
		server.OnDisconnect(func(s *sio.Socket, reason sio.Reason) { reasons <- reason })
	})
	defer server.Close()
	visit(server, 1)
	fmt.Println(<-reasons)
	// Output:
	// 41
	// server namespace disconnect
}

// The browser client is served from any file system, for example an embedded
// one.
func ExampleConfig_client() {
	_, err := sio.New(sio.Config{Client: fstest.MapFS{"socket.io.js": {Data: []byte("/* … */")}}})
	fmt.Println(err)
	// Output: <nil>
}

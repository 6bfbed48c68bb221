package sio_test

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/sioserver/sioserver/sio"
)

// The entries of the documentation's emit cheat sheet, and what belongs to
// them.

// invite connects n clients to "/".
func invite(server *sio.Server, n int) []*ws {
	f := &fixture{Server: server, addr: server.Addr().String()}
	guests := make([]*ws, n)
	for i := range guests {
		guests[i] = f.join(new(exampleTB))
	}
	return guests
}

// leave closes the clients' connections.
func leave(guests []*ws) {
	for _, w := range guests {
		w.conn.Close()
	}
}

// Basic emit.
func ExampleSocket_Emit() {
	server := serveExample(func(server *sio.Server) {
		server.OnConnection(func(s *sio.Socket) {
			s.Emit("hello", 1, "2", map[string]string{"3": "4"})
		})
	})
	defer server.Close()
	visit(server, 1)
	// Output: 42["hello",1,"2",{"3":"4"}]
}

// To all clients of the namespace except the sender.
func ExampleSocket_Broadcast() {
	server := serveExample(func(server *sio.Server) {
		sio.On(server, "typing", func(ctx context.Context, s *sio.Socket, _ sio.None) error {
			return s.Broadcast().Emit("typing")
		})
	})
	defer server.Close()
	guests := invite(server, 2)
	defer leave(guests)
	guests[0].send(`42["typing"]`)
	fmt.Println(guests[1].recv())
	// Output: 42["typing"]
}

// To all clients in some rooms except the sender.
func ExampleSocket_To() {
	server := serveExample(func(server *sio.Server) {
		server.Use(func(s *sio.Socket) error {
			s.Join("room1")
			return nil
		})
		server.OnConnection(func(s *sio.Socket) {
			s.To("room1").To("room2").Emit("joined") // or s.To("room1", "room2")
		})
	})
	defer server.Close()
	guests := invite(server, 2)
	defer leave(guests)
	fmt.Println(guests[0].recv())
	// Output: 42["joined"]
}

// To all clients except the sender and those in a room.
func ExampleSocket_Except() {
	server := serveExample(func(server *sio.Server) {
		sio.On(server, "enter", func(ctx context.Context, s *sio.Socket, _ sio.None) error {
			s.Join("game")
			return s.Except("game").Emit("player")
		})
	})
	defer server.Close()
	guests := invite(server, 2)
	defer leave(guests)
	guests[0].send(`42["enter"]`)
	fmt.Println(guests[1].recv())
	// Output: 42["player"]
}

// To all connected clients.
func ExampleNamespace_Emit_main() {
	server := serveExample(func(*sio.Server) {})
	defer server.Close()
	guests := invite(server, 2)
	defer leave(guests)
	server.Emit("hello")
	fmt.Println(guests[0].recv(), guests[1].recv())
	// Output: 42["hello"] 42["hello"]
}

// To all clients of a namespace, and to those in one of its rooms.
func ExampleNamespace_Emit() {
	server := serveExample(func(server *sio.Server) {
		server.Of("/news").OnConnection(func(s *sio.Socket) {
			s.Join("sports")
			s.Namespace().Emit("headline", 1)
			s.Namespace().To("sports").Emit("headline", 2)
		})
	})
	defer server.Close()
	w := (&fixture{Server: server, addr: server.Addr().String()}).join(new(exampleTB), "/news")
	defer w.conn.Close()
	fmt.Println(w.recv())
	fmt.Println(w.recv())
	// Output:
	// 42/news,["headline",1]
	// 42/news,["headline",2]
}

// A private message: the id of a socket is a room.
func ExampleSocket_ID() {
	server := serveExample(func(server *sio.Server) {
		sio.On(server, "private message", func(ctx context.Context, s *sio.Socket, m sio.Args2[string, string]) error {
			return s.To(m.A).Emit("private message", m.B)
		})
	})
	defer server.Close()
	guests := invite(server, 1)
	other := (&fixture{Server: server, addr: server.Addr().String()}).dial(new(exampleTB))
	id := other.connect("/")
	defer leave(append(guests, other))
	guests[0].send(`42["private message","` + id + `","psst"]`)
	fmt.Println(other.recv())
	// Output: 42["private message","psst"]
}

// To all clients on this server, when there are several.
func ExampleNamespace_Local() {
	server := serveExample(func(*sio.Server) {})
	defer server.Close()
	guests := invite(server, 1)
	defer leave(guests)
	server.Local().Emit("hello")
	fmt.Println(guests[0].recv())
	// Output: 42["hello"]
}

// With an acknowledgement. [sio.EmitAck] also decodes it.
func ExampleSocket_EmitAck() {
	answers := make(chan string, 1)
	server := serveExample(func(server *sio.Server) {
		server.OnConnection(func(s *sio.Socket) {
			args, err := s.EmitAck(s.Context(), "question")
			answers <- fmt.Sprint(string(args.Raw(0)), " ", err)
		})
	})
	defer server.Close()
	guests := invite(server, 1)
	defer leave(guests)
	fmt.Println(guests[0].recv())
	guests[0].send(`430["answer"]`)
	fmt.Println(<-answers)
	// Output:
	// 420["question"]
	// "answer" <nil>
}

// With an acknowledgement that may take some time, but no longer.
func ExampleSocket_Timeout() {
	errs := make(chan error, 1)
	server := serveExample(func(server *sio.Server) {
		server.OnConnection(func(s *sio.Socket) {
			_, err := sio.EmitAck[string](s.Context(), s.Timeout(time.Millisecond), "question")
			errs <- err
		})
	})
	defer server.Close()
	guests := invite(server, 1)
	defer leave(guests)
	fmt.Println(<-errs)
	// Output: sio: operation has timed out
}

// Options and addresses in any order.
func ExampleSocketEmitter_To() {
	server := serveExample(func(server *sio.Server) {
		sio.On(server, "enter", func(ctx context.Context, s *sio.Socket, _ sio.None) error {
			// The same as s.To("lobby").Volatile().
			return s.Volatile().To("lobby").Emit("entered")
		})
		server.Use(func(s *sio.Socket) error {
			s.Join("lobby")
			return nil
		})
	})
	defer server.Close()
	guests := invite(server, 2)
	defer leave(guests)
	guests[0].send(`42["enter"]`)
	fmt.Println(guests[1].recv())
	// Output: 42["entered"]
}

// A broadcast that every recipient acknowledges.
func ExampleEmitAckAll() {
	server := serveExample(func(*sio.Server) {})
	defer server.Close()
	guests := invite(server, 2)
	defer leave(guests)
	go func() {
		for i, w := range guests {
			w.recv()
			w.send(fmt.Sprintf("430[%d]", 20+i))
		}
	}()
	ages, err := sio.EmitAckAll[int](context.Background(), server.Timeout(5*time.Second), "age")
	fmt.Println(len(ages), err)
	// Output: 2 <nil>
}

// Without compression.
func ExampleSocket_Compress() {
	server := serveExample(func(server *sio.Server) {
		server.OnConnection(func(s *sio.Socket) { s.Compress(false).Emit("uncompressed") })
	})
	defer server.Close()
	visit(server, 1)
	// Output: 42["uncompressed"]
}

// A message that may be lost when the client is not ready for it.
func ExampleSocket_Volatile() {
	server := serveExample(func(server *sio.Server) {
		sio.On(server, "where", func(ctx context.Context, s *sio.Socket, _ sio.None) error {
			return s.Volatile().Emit("position", 12, 34)
		})
	})
	defer server.Close()
	visit(server, 1, `42["where"]`)
	// Output: 42["position",12,34]
}

// Binary data: []byte values, at any depth, are sent as they are.
func ExampleSocket_Emit_binary() {
	server := serveExample(func(server *sio.Server) {
		server.OnConnection(func(s *sio.Socket) {
			s.Emit("image", map[string]any{"name": "dot.png", "data": []byte{0x89, 'P', 'N', 'G'}})
		})
	})
	defer server.Close()
	visit(server, 2)
	// Output:
	// 451-["image",{"data":{"_placeholder":true,"num":0},"name":"dot.png"}]
	// b:89504e47
}

// Make sockets join and leave rooms.
func ExampleNamespace_SocketsJoin() {
	server := serveExample(func(*sio.Server) {})
	defer server.Close()
	guests := invite(server, 2)
	defer leave(guests)
	server.SocketsJoin("room1", "room2")
	server.To("room1").SocketsLeave("room2")
	fmt.Println(server.Count("room1"), server.Count("room2"))
	// Output: 2 0
}

// Disconnect sockets, their whole connections with true.
func ExampleNamespace_DisconnectSockets() {
	server := serveExample(func(server *sio.Server) {
		server.OnConnection(func(s *sio.Socket) { s.Join("room1") })
		sio.On(server, "close", func(ctx context.Context, s *sio.Socket, _ sio.None) error {
			return server.To("room1").DisconnectSockets(true)
		})
	})
	defer server.Close()
	visit(server, 1, `42["close"]`)
	// Output: 41
}

// Look at sockets, those of other servers too.
func ExampleNamespace_FetchSockets() {
	server := serveExample(func(server *sio.Server) {})
	defer server.Close()
	guests := invite(server, 2)
	defer leave(guests)
	sockets, err := server.FetchSockets(context.Background())
	if err != nil {
		fmt.Println(err)
	}
	for _, s := range sockets {
		fmt.Println(len(s.ID()), len(s.Rooms()), s.Handshake().Query["EIO"])
		s.Emit("seen")
	}
	fmt.Println(guests[0].recv())
	// Output:
	// 20 1 4
	// 20 1 4
	// 42["seen"]
}

// Between servers: the handlers run on the others. This one is alone.
func ExampleNamespace_ServerSideEmit() {
	server := serveExample(func(server *sio.Server) {
		server.OnServerEvent("ping", func(e *sio.ServerEvent) { e.Ack("pong") })
	})
	defer server.Close()
	fmt.Println(server.ServerSideEmit("ping"))
	answers, err := server.ServerSideEmitAck(context.Background(), "ping")
	fmt.Println(len(answers), err)
	// Output:
	// <nil>
	// 0 <nil>
}

// Namespaces by pattern: one for each tenant.
func ExampleServer_OfPattern() {
	server := serveExample(func(server *sio.Server) {
		tenants := server.OfPattern(regexp.MustCompile(`^/tenant-\d+$`))
		tenants.OnConnection(func(s *sio.Socket) { tenants.Emit("welcome", s.Namespace().Name()) })
	})
	defer server.Close()
	w := (&fixture{Server: server, addr: server.Addr().String()}).join(new(exampleTB), "/tenant-7")
	defer w.conn.Close()
	fmt.Println(w.recv())
	// Output: 42/tenant-7,["welcome","/tenant-7"]
}

// Namespaces by function, which sees what the client has sent along.
func ExampleServer_OfFunc() {
	server := serveExample(func(server *sio.Server) {
		server.OfFunc(func(name string, auth json.RawMessage) bool {
			return strings.HasPrefix(name, "/user/") && string(auth) != "{}"
		})
	})
	defer server.Close()
	w := (&fixture{Server: server, addr: server.Addr().String()}).dial(new(exampleTB))
	defer w.conn.Close()
	w.send("40/user/ann,")
	fmt.Println(w.recv())
	// Output: 44/user/ann,{"message":"Invalid namespace"}
}

// A handler for the first event only.
func ExampleOnce() {
	server := serveExample(func(server *sio.Server) {
		server.OnConnection(func(s *sio.Socket) {
			s.On("hello", func(ctx context.Context, e *sio.Event) error { return s.Emit("first") }, sio.Once())
			off := s.On("hello", func(ctx context.Context, e *sio.Event) error { return s.Emit("never") })
			off()
		})
		sio.On(server, "bye", func(ctx context.Context, s *sio.Socket, _ sio.None) error { return s.Emit("bye") })
	})
	defer server.Close()
	visit(server, 2, `42["hello"]`, `42["hello"]`, `42["bye"]`)
	// Output:
	// 42["first"]
	// 42["bye"]
}

// Catch-all handlers, in and out.
func ExampleNamespace_OnAny() {
	server := serveExample(func(server *sio.Server) {
		server.OnAny(func(ctx context.Context, e *sio.Event) error {
			fmt.Println("in:", e.Name(), e.Len())
			return nil
		})
		server.OnAnyOutgoing(func(s *sio.Socket, event string, args sio.RawArgs) {
			fmt.Println("out:", event, string(args.Raw(0)))
		})
		sio.On(server, "ping", func(ctx context.Context, s *sio.Socket, n int) error { return s.Emit("pong", n) })
	})
	defer server.Close()
	visit(server, 1, `42["ping",1]`)
	// Output:
	// in: ping 1
	// out: pong 1
	// 42["pong",1]
}

// A packet middleware may reject events.
func ExampleNamespace_UsePacket() {
	rejected := make(chan error, 1)
	server := serveExample(func(server *sio.Server) {
		server.UsePacket(func(ctx context.Context, e *sio.Event) error {
			if e.Name() == "admin" {
				return fmt.Errorf("%s is not allowed", e.Name())
			}
			return nil
		})
		server.OnError(func(s *sio.Socket, err error) { rejected <- err })
	})
	defer server.Close()
	guests := invite(server, 1)
	defer leave(guests)
	guests[0].send(`42["admin"]`)
	fmt.Println(<-rejected)
	// Output: admin is not allowed
}

// Changes of rooms.
func ExampleNamespace_OnRoom() {
	deleted := make(chan struct{}) // hooks run on a goroutine of their own
	server := serveExample(func(server *sio.Server) {
		server.OnRoom(func(e sio.RoomEvent) {
			if e.Room != "r" {
				return
			}
			fmt.Println(e.Kind)
			if e.Kind == sio.RoomDeleted {
				close(deleted)
			}
		})
		server.OnConnection(func(s *sio.Socket) {
			s.Join("r")
			s.Leave("r")
			<-deleted
			s.Emit("done")
		})
	})
	defer server.Close()
	visit(server, 1)
	// Unordered output:
	// create-room
	// join-room
	// leave-room
	// delete-room
	// 42["done"]
}

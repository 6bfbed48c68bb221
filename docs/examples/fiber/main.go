// Command fiber serves a Fiber app and Socket.IO on one port.
//
// A Fiber handler can't serve Socket.IO: fasthttp has no http.ResponseWriter to
// hijack. So it is the other way round. The server listens, and passes what is
// outside its own path to the app as an http.Handler.
package main

import (
	"context"
	"log"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/adaptor"

	"github.com/sioserver/sioserver/sio"
)

func main() {
	srv, err := newApp()
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(srv.ListenAndServe("localhost:3000"))
}

// newApp returns a server that has the Fiber app behind it.
func newApp() (*sio.Server, error) {
	app := fiber.New()
	app.Get("/", func(c fiber.Ctx) error { return c.SendString("the application\n") })

	srv, err := sio.New(sio.Config{Handler: adaptor.FiberApp(app)})
	if err != nil {
		return nil, err
	}
	sio.OnAck(srv, "greet", func(_ context.Context, s *sio.Socket, name string) (string, error) {
		return "hello " + name, nil
	})
	return srv, nil
}

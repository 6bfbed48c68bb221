// Command echo serves Socket.IO among the routes of an Echo router.
package main

import (
	"context"
	"log"
	"net/http"

	"github.com/labstack/echo/v5"
	"github.com/labstack/echo/v5/middleware"

	"github.com/sioserver/sioserver/sio"
)

func main() {
	router, _, err := newApp()
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe("localhost:3000", router))
}

// newApp returns the routes of the application, and the Socket.IO server that
// is one of them.
func newApp() (http.Handler, *sio.Server, error) {
	srv, err := sio.New(sio.Config{})
	if err != nil {
		return nil, nil, err
	}
	sio.OnAck(srv, "whoami", func(ctx context.Context, _ *sio.Socket, _ sio.None) (string, error) {
		return ctx.Value(userKey{}).(string), nil
	})
	socket, err := srv.Handler()
	if err != nil {
		return nil, nil, err
	}

	router := echo.New()
	router.Use(middleware.Recover())
	router.Any("/socket.io/*", echo.WrapHandler(socket), middleware.BasicAuth(authenticate))
	router.GET("/", func(c *echo.Context) error { return c.String(http.StatusOK, "the application\n") })
	return router, srv, nil
}

// userKey is the key of the user's name in the context of a request, and so of
// the sockets.
type userKey struct{}

// authenticate lets known users in.
func authenticate(c *echo.Context, user, password string) (bool, error) {
	r := c.Request()
	c.SetRequest(r.WithContext(context.WithValue(r.Context(), userKey{}, user)))
	return user == "ada" && password == "secret", nil
}

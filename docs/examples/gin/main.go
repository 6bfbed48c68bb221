// Command gin serves Socket.IO among the routes of a gin engine.
package main

import (
	"context"
	"log"
	"net/http"

	"github.com/gin-gonic/gin"

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

	router := gin.New()
	router.Use(gin.Recovery())
	router.Any("/socket.io/*any", gin.BasicAuth(gin.Accounts{"ada": "secret"}), passUser, gin.WrapH(socket))
	router.GET("/", func(c *gin.Context) { c.String(http.StatusOK, "the application\n") })
	return router, srv, nil
}

// userKey is the key of the user's name in the context of a request, and so of
// the sockets.
type userKey struct{}

// passUser puts the user's name into the context of the request, which is not
// gin's.
func passUser(c *gin.Context) {
	ctx := context.WithValue(c.Request.Context(), userKey{}, c.GetString(gin.AuthUserKey))
	c.Request = c.Request.WithContext(ctx)
}

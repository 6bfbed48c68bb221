//go:build linux && !goroutines

package loop

import (
	"github.com/sioserver/sioserver/loop/internal/backend"
	"github.com/sioserver/sioserver/loop/internal/gnetpoll"
)

// newBackend makes loops over gnet and epoll.
func newBackend(cfg backend.Config) (backend.Engine, error) { return gnetpoll.New(cfg) }

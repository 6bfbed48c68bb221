package redistest

import "github.com/sioserver/sioserver/sio/cluster/redisadapter/redistest/slowlink"

// Link is a line to a server whose speed is limited; see [slowlink.Link].
type Link = slowlink.Link

// NewLink starts a link to the server at target, a host:port. bytesPerSecond limits
// each direction; 0 is no limit. Close ends it.
func NewLink(target string, bytesPerSecond int) (*Link, error) {
	return slowlink.New(target, bytesPerSecond)
}

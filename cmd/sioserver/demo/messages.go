package demo

// The JSON messages between the page and the server. Times are milliseconds
// since
// 1970.

// Identity is a person as others see them. ID is the socket's.
type Identity struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Message is a message that a person has sent to a room.
type Message struct {
	ID   string   `json:"id"`
	From Identity `json:"from"`
	Text string   `json:"text"`
	At   int64    `json:"at"`
}

// RoomCount is an item of the list of rooms.
type RoomCount struct {
	Name   string `json:"name"`
	People int    `json:"people"`
}

// Enter asks to move to another room.
type Enter struct {
	Room string `json:"room"`
}

// Entered answers Enter. People holds at most 100 of Total.
type Entered struct {
	Room    string     `json:"room,omitempty"`
	People  []Identity `json:"people,omitempty"`
	Total   int        `json:"total,omitempty"`
	History []Message  `json:"history"`
	Error   string     `json:"error,omitempty"`
}

// Say is a message for the person's room.
type Say struct {
	Text string `json:"text"`
}

// Said answers Say with the message's id.
type Said struct {
	ID    string `json:"id,omitempty"`
	Error string `json:"error,omitempty"`
}

// Rename asks for another name.
type Rename struct {
	Name string `json:"name"`
}

// Renamed answers Rename with the name as the page shows it.
type Renamed struct {
	Name  string `json:"name,omitempty"`
	Error string `json:"error,omitempty"`
}

// Figures is what the panel shows about the server.
type Figures struct {
	Connections int     `json:"connections"`
	Received    float64 `json:"received"` // messages a second
	Sent        float64 `json:"sent"`     // messages a second, without those of the panel
	Resident    int64   `json:"resident"` // bytes
	AtStart     int64   `json:"atStart"`  // bytes resident when the demo was attached
	Uptime      float64 `json:"uptime"`   // seconds
	Goroutines  int     `json:"goroutines"`
}

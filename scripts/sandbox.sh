# Install bubblewrap, the sandbox that grading runs student code in, or say how to.
# It always ends well: a grading that finds no sandbox says so itself, and stops.

if [ "$(uname)" != Linux ]; then
    echo "bubblewrap runs on Linux only, so there is no sandbox for student code here;" \
        "--isolation process is the explicit way to grade without one."
    exit 0
fi

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing bubblewrap, the sandbox for student code (apt-get, up to a minute)"
    install() {
        DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
            -o DPkg::Lock::Timeout=60 -o Acquire::http::Timeout=20 bubblewrap 2>&1
    }
    # On a fresh machine apt-get does not know the package until it is told to look.
    said=$(install) || { apt-get update >/dev/null 2>&1; said=$(install); } || :
    command -v bwrap >/dev/null && exit 0
    why="could not be installed ($(echo "$said" | tail -n 1)): "
else
    why="is missing: "
fi

for line in "apt-get install" "dnf install" "pacman -S" "zypper install" "apk add"; do
    if command -v "${line%% *}" >/dev/null; then
        echo "bubblewrap, the sandbox for student code, ${why}sudo $line bubblewrap"
        exit 0
    fi
done
echo "bubblewrap, the sandbox for student code, ${why}install your system's package of that name."

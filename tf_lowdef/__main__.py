"""``python -m tf_lowdef`` is ``tf-lowdef``."""

from tf_lowdef.cli.main import main

if __name__ == "__main__":
    main()
